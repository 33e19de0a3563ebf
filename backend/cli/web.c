/* web - libcurl, opened late, for one request at a time.
 *
 * A hub beside us is asked at its socket with the Host that its public_urls want. Nothing is
 * followed elsewhere: a redirection would take the token along. */

#include "cli/web.h"

#include "base/address.h"
#include "base/ascii.h"
#include "base/clock.h"
#include "base/libcurl.h"
#include "cli/call.h"
#include "cli/plain.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

enum {
    CONNECT_MS = 10000,
    REPLY_MS = 60000, /* until a stream begins; of any other reply, until it is whole */
};

/* --- where it is ------------------------------------------------------------------------------ */

static bool
set_text(struct buf *b, const char *text, struct error *err)
{
    buf_addf(b, "%s", text);
    buf_add_byte(b, 0);
    b->len -= !b->failed;
    return !b->failed || error_set(err, "no memory");
}

static const char *
text_of(const struct buf *b)
{
    return b->len ? b->ptr : NULL;
}

static bool
open_address(struct web *w, const struct address *at, struct error *err)
{
    char text[INET6_ADDRSTRLEN] = "", both[INET6_ADDRSTRLEN + 16];
    if (at->kind == ADDRESS_UNIX)
        return set_text(&w->socket, ((const struct sockaddr_un *)&at->at)->sun_path, err);
    bool is_6 = at->at.ss_family == AF_INET6;
    const struct sockaddr_in6 *v6 = (const void *)&at->at;
    const struct sockaddr_in *v4 = (const void *)&at->at;
    inet_ntop(at->at.ss_family, is_6 ? (const void *)&v6->sin6_addr : &v4->sin_addr, text,
              sizeof text);
    snprintf(both, sizeof both, is_6 && at->has_host ? "::[%s]:%u" : "::%s:%u",
             at->has_host ? text : "localhost", ntohs(is_6 ? v6->sin6_port : v4->sin_port));
    return set_text(&w->connect_to, both, err);
}

/* As the established client of the socket does: what a front would send as Host. */
static bool
open_beside(struct web *w, const struct config *c, struct error *err)
{
    struct error why = {"listen: there is no address to ask"};
    struct address at;
    char url[2048];
    const char *public = c->public_urls.count ? strstr(c->public_urls.items[0], "://") : NULL;
    snprintf(url, sizeof url, "http://%s%s", public ? public + 3 : "localhost", c->path);
    for (size_t i = 0; i < c->listen.count; i++) {
        if (!address_read(c->listen.items[i], &at, &why) || at.kind == ADDRESS_DESCRIPTOR)
            continue;
        return set_text(&w->url, url, err) && set_text(&w->shown, c->listen.items[i], err) &&
               open_address(w, &at, err);
    }
    return error_set(err, "%.400s", why.text);
}

bool
web_open(struct web *w, const char *url, const struct config *c, struct error *err)
{
    struct buf *all[] = {&w->url, &w->connect_to, &w->socket, &w->shown};
    *w = (struct web){.ca_file = NULL};
    for (size_t i = 0; i < COUNT_OF(all); i++)
        buf_init(all[i], 8192);
    if (!libcurl_open(err))
        return false;
    if (url == NULL)
        return open_beside(w, c, err);
    struct slice all_of_it = slice_of(url);
    if (!slice_starts(all_of_it, SLICE("https://")) && !slice_starts(all_of_it, SLICE("http://")))
        return error_set(err, "--url: expected the URL of a hub, as in "
                              "https://example.com/.well-known/mercure");
    if (slice_index(all_of_it, '?') < all_of_it.len || slice_index(all_of_it, '#') < all_of_it.len)
        return error_set(err, "--url: the hub's URL has neither ? nor #: topics are words here");
    return set_text(&w->url, url, err) && set_text(&w->shown, url, err);
}

void
web_fini(struct web *w)
{
    buf_fini(&w->url);
    buf_fini(&w->connect_to);
    buf_fini(&w->socket);
    buf_fini(&w->shown);
}

/* --- a request -------------------------------------------------------------------------------- */

struct request {
    CURL *curl;
    struct curl_slist *headers;
    struct web_reply *reply;
    const struct web_reader *reader; /* NULL: it is no stream */
    uint64_t begun_ms;
    bool has_begun, is_enough;
    char why[CURL_ERROR_SIZE];
};

static void
reply_init(struct web_reply *r)
{
    r->status = 0;
    r->was_sent = false;
    buf_init(&r->body, WEB_MAX_REPLY);
    buf_init(&r->location, 4096);
    buf_init(&r->type, 4096);
    buf_init(&r->cursor, 65536);
}

void
web_reply_fini(struct web_reply *r)
{
    buf_fini(&r->body);
    buf_fini(&r->location);
    buf_fini(&r->type);
    buf_fini(&r->cursor);
}

static unsigned
status_of(CURL *c)
{
    __typeof__(curl_easy_getinfo) *curl_easy_getinfo = libcurl.curl_easy_getinfo;
    long status = 0;
    curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
    return (unsigned)status;
}

static void
keep_header(struct buf *into, struct slice line, struct slice name)
{
    if (!slice_eq_nocase(slice_head(line, name.len), name))
        return;
    buf_clear(into);
    buf_add(into, slice_trim(slice_from(line, name.len)));
}

static size_t
on_header(char *bytes, size_t size, size_t count, void *context)
{
    struct request *r = context;
    struct slice line = SLICE_OF(bytes, size * count);
    while (line.len && (line.ptr[line.len - 1] == '\n' || line.ptr[line.len - 1] == '\r'))
        line.len--;
    keep_header(&r->reply->location, line, SLICE("location:"));
    keep_header(&r->reply->type, line, SLICE("content-type:"));
    keep_header(&r->reply->cursor, line, SLICE("last-event-id:"));
    keep_header(&r->reply->cursor, line, SLICE("mercure-last-event-id:"));
    if (line.len == 0) { /* the head is whole; one of 100 may have come before */
        r->reply->status = status_of(r->curl);
        bool is_first = !r->has_begun; /* else trailers */
        r->has_begun = r->reply->status >= 200;
        if (is_first && r->reader && web_reply_is_stream(r->reply))
            r->reader->begun(r->reader->context, r->reply);
    }
    return size * count;
}

/* Past the bound it is let go; where a stream was asked for there may be no end to wait for. */
static size_t
on_bytes(char *bytes, size_t size, size_t count, void *context)
{
    struct request *r = context;
    struct slice piece = SLICE_OF(bytes, size * count);
    if (r->reader && web_reply_is_stream(r->reply)) {
        r->is_enough = !r->reader->take(r->reader->context, piece);
        return r->is_enough ? 0 : piece.len;
    }
    bool has_room = piece.len <= WEB_MAX_REPLY - r->reply->body.len;
    if (has_room)
        buf_add(&r->reply->body, piece);
    r->is_enough = r->reader && !has_room;
    return r->is_enough ? 0 : piece.len;
}

static int
on_progress(void *context, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    const struct request *r = context;
    (void)a, (void)b, (void)c, (void)d;
    bool is_stream = r->has_begun && r->reader && web_reply_is_stream(r->reply);
    return !is_stream && clock_mono_ms() > r->begun_ms + REPLY_MS;
}

static void
add_header(struct request *r, const char *name, struct slice value)
{
    char *line = NULL;
    if (value.len && asprintf(&line, "%s: " SLICE_FMT, name, SLICE_ARG(value)) > 0)
        r->headers = libcurl.curl_slist_append(r->headers, line);
    free(line);
}

static void
aim(CURL *c, const struct web *w, const char *query, struct buf *url,
    struct curl_slist **ret_connect)
{
    __typeof__(curl_easy_setopt) *curl_easy_setopt = libcurl.curl_easy_setopt;
    buf_addf(url, "%s%s%s", w->url.ptr, query[0] ? "?" : "", query);
    buf_add_byte(url, 0);
    curl_easy_setopt(c, CURLOPT_URL, url->ptr ? url->ptr : "");
    if (text_of(&w->socket))
        curl_easy_setopt(c, CURLOPT_UNIX_SOCKET_PATH, text_of(&w->socket));
    if (text_of(&w->connect_to)) {
        *ret_connect = libcurl.curl_slist_append(NULL, text_of(&w->connect_to));
        curl_easy_setopt(c, CURLOPT_CONNECT_TO, *ret_connect);
    }
    if (w->socket.len || w->connect_to.len)
        curl_easy_setopt(c, CURLOPT_NOPROXY, "*");
    if (w->ca_file)
        curl_easy_setopt(c, CURLOPT_CAINFO, w->ca_file);
}

static void
set_options(struct request *r, const struct web *w)
{
    __typeof__(curl_easy_setopt) *curl_easy_setopt = libcurl.curl_easy_setopt;
    CURL *c = r->curl;
    char *bearer = NULL;
    if (w->token.len && asprintf(&bearer, "Bearer " SLICE_FMT, SLICE_ARG(w->token)) > 0)
        add_header(r, "Authorization", slice_of(bearer));
    free(bearer);
    curl_easy_setopt(c, CURLOPT_USERAGENT, "alipes");
    curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
    curl_easy_setopt(c, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(c, CURLOPT_XFERINFODATA, r);
    curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(c, CURLOPT_HEADERDATA, r);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_bytes);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, r);
    curl_easy_setopt(c, CURLOPT_ERRORBUFFER, r->why);
    curl_easy_setopt(c, CURLOPT_HTTPHEADER, r->headers);
}

static const char *
advice_of(int number)
{
    return number == EACCES || number == EPERM ? "; whoever may use the socket may ask: root, or a "
                                                 "member of its group"
           : number == ENOENT || number == ECONNREFUSED ? "; does the hub run?"
                                                        : "";
}

/* The system's word, where libcurl has only its own. */
static bool
explain(const struct request *r, const struct web *w, CURLcode code, struct error *err)
{
    __typeof__(curl_easy_getinfo) *curl_easy_getinfo = libcurl.curl_easy_getinfo;
    long number = 0;
    curl_easy_getinfo(r->curl, CURLINFO_OS_ERRNO, &number);
    if (code == CURLE_ABORTED_BY_CALLBACK)
        return error_set(err, "%.300s: no reply within %d s", w->shown.ptr, REPLY_MS / 1000);
    if (code == CURLE_COULDNT_CONNECT && number)
        return error_set(err, "%.300s: %s%s", w->shown.ptr, strerror((int)number),
                         advice_of((int)number));
    return error_set(err, "%.300s: %.200s", w->shown.ptr,
                     r->why[0] ? r->why : libcurl.curl_easy_strerror(code));
}

/* Was there a connection, so that it may have been heard? */
static bool
was_sent(CURL *c)
{
    __typeof__(curl_easy_getinfo) *curl_easy_getinfo = libcurl.curl_easy_getinfo;
    long bytes = 0;
    curl_easy_getinfo(c, CURLINFO_REQUEST_SIZE, &bytes);
    return bytes > 0;
}

static bool
perform(struct request *r, const struct web *w, const char *query, struct error *err)
{
    struct curl_slist *connect = NULL;
    struct buf url;
    buf_init(&url, 1 << 20);
    r->begun_ms = clock_mono_ms();
    set_options(r, w);
    aim(r->curl, w, query, &url, &connect);
    CURLcode code = libcurl.curl_easy_perform(r->curl);
    bool ok = code == CURLE_OK || r->is_enough || explain(r, w, code, err);
    r->reply->was_sent = was_sent(r->curl);
    libcurl.curl_slist_free_all(connect);
    libcurl.curl_slist_free_all(r->headers);
    libcurl.curl_easy_cleanup(r->curl);
    buf_fini(&url);
    return ok;
}

static bool
begin(struct request *r, struct web_reply *reply, struct error *err)
{
    reply_init(reply);
    r->reply = reply;
    r->curl = libcurl.curl_easy_init();
    return r->curl || error_set(err, "libcurl cannot begin");
}

bool
web_post(const struct web *w, struct slice form, struct web_reply *reply, struct error *err)
{
    __typeof__(curl_easy_setopt) *curl_easy_setopt = libcurl.curl_easy_setopt;
    struct request r = {.reader = NULL};
    if (!begin(&r, reply, err))
        return false;
    add_header(&r, "Accept", SLICE("text/plain"));
    curl_easy_setopt(r.curl, CURLOPT_POST, 1L);
    curl_easy_setopt(r.curl, CURLOPT_POSTFIELDS, form.ptr);
    curl_easy_setopt(r.curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)form.len);
    return perform(&r, w, "", err);
}

bool
web_listen(const struct web *w, const char *query, struct slice cursor,
           const struct web_reader *reader, struct web_reply *reply, struct error *err)
{
    struct request r = {.reader = reader};
    if (!begin(&r, reply, err))
        return false;
    add_header(&r, "Accept", SLICE("text/event-stream"));
    add_header(&r, "Last-Event-ID", cursor);
    return perform(&r, w, query, err);
}

/* --- what a reply means ----------------------------------------------------------------------- */

/* A site answers 200 too, with a page. */
bool
web_reply_is_stream(const struct web_reply *r)
{
    static const struct slice stream = SLICE_INIT("text/event-stream");
    struct slice type = buf_slice(&r->type);
    return r->status == 200 &&
           slice_eq_nocase(slice_trim(slice_head(type, slice_index(type, ';'))), stream);
}

struct slice
web_reply_id(const struct web_reply *r)
{
    static const struct slice page = SLICE_INIT("text/html");
    struct slice id = slice_head(buf_slice(&r->body), slice_index(buf_slice(&r->body), '\n'));
    bool is_page = slice_eq_nocase(slice_head(buf_slice(&r->type), page.len), page);
    bool is_id = r->status == 200 && !is_page && id.len + 1 >= r->body.len &&
                 slice_index_control(id) == id.len;
    return is_id ? id : SLICE("");
}

static const struct {
    unsigned from, to;
    const char *advice;
} statuses[] = {
    {200, 299, "that is no hub's answer: is this the hub's URL?"},
    {300, 399, "say the URL that it names with --url"},
    {401, 401, "alipes token inspect says what a hub thinks of a token"},
    {403, 403, "it needs a token that grants this, or another topic"},
    {404, 405, "is this the hub's URL? It mostly ends with /.well-known/mercure"},
    {413, 413, "it is larger than the hub's or its front's bound"},
    {502, 502, "the front cannot reach the hub: does it run?"},
    {503, 503, "not now: try again a little later, a publish with the same --id"},
    {504, 504, "the front heard nothing from the hub in time"},
};

/* A front's page of HTML says less than its status. */
static struct slice
sentence_of(const struct web_reply *r)
{
    struct slice body = slice_trim(buf_slice(&r->body));
    body = slice_head(body, slice_index(body, '\n'));
    return slice_starts(body, SLICE("<")) ? SLICE("") : slice_head_utf8(body, 400);
}

void
web_complain(const struct call *call, const struct web *w, const struct web_reply *r)
{
    struct slice sentence = sentence_of(r);
    fprintf(stderr, "alipes %s: %s answered %u", call->command->name, w->shown.ptr, r->status);
    if (sentence.len) {
        fputs(": ", stderr);
        plain_write(stderr, sentence);
    }
    if (r->location.len) {
        fputs(", and names ", stderr);
        plain_write(stderr, buf_slice(&r->location));
    }
    fputc('\n', stderr);
    for (size_t i = 0; i < COUNT_OF(statuses); i++)
        if (r->status >= statuses[i].from && r->status <= statuses[i].to)
            call_failed(call, "%s", statuses[i].advice);
}
