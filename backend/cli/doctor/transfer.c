/* transfer - one transfer of libcurl's at a time, each with a multi handle of its own.
 *
 * Redirects are not followed and no proxy of the environment is asked: what answers at this address
 * is the question. What one gets wrong: a stream that is open takes nothing while nobody waits on
 * it; the kernel keeps it meanwhile. */

#include "cli/doctor/transfer.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/libcurl.h"

#include <stdlib.h>
#include <string.h>

enum {
    MAX_HEAD = 64 * 1024,
    MAX_BODY = 1024 * 1024,
    CONNECT_MS = 5000,
    ANSWER_MS = 10000,
};

struct transfer_call {
    CURL *easy;
    CURLM *multi;
    struct curl_slist *headers;
    char error[CURL_ERROR_SIZE];
};

static size_t
on_head(char *bytes, size_t size, size_t count, void *context)
{
    struct transfer *r = context;
    struct slice line = SLICE_OF(bytes, size * count);
    if (slice_starts(line, SLICE("HTTP/")))
        buf_clear(&r->head); /* after a 100 comes another */
    buf_add(&r->head, line);
    return r->head.failed ? 0 : line.len;
}

static size_t
on_body(char *bytes, size_t size, size_t count, void *context)
{
    struct transfer *r = context;
    buf_add(&r->body, SLICE_OF(bytes, size * count));
    return r->body.failed ? 0 : size * count;
}

static void
set_options(struct transfer *r, const struct transfer_ask *ask)
{
    __typeof__(curl_easy_setopt) *curl_easy_setopt = libcurl.curl_easy_setopt;
    CURL *c = r->call->easy;
    curl_easy_setopt(c, CURLOPT_URL, ask->url);
    curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, ask->method);
    curl_easy_setopt(c, CURLOPT_USERAGENT, "alipes doctor");
    curl_easy_setopt(c, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
    curl_easy_setopt(c, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
    curl_easy_setopt(c, CURLOPT_HTTPHEADER, r->call->headers);
    curl_easy_setopt(c, CURLOPT_ERRORBUFFER, r->call->error);
    curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_head);
    curl_easy_setopt(c, CURLOPT_HEADERDATA, r);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, r);
    if (ask->body)
        curl_easy_setopt(c, CURLOPT_COPYPOSTFIELDS, ask->body);
    if (ask->ca_file)
        curl_easy_setopt(c, CURLOPT_CAINFO, ask->ca_file);
}

bool
transfer_begin(struct transfer *r, const struct transfer_ask *ask, struct error *err)
{
    *r = (struct transfer){.status = 0};
    if (!libcurl_open(err))
        return false;
    struct transfer_call *call = xalloc(sizeof *call);
    call->easy = libcurl.curl_easy_init();
    call->multi = libcurl.curl_multi_init();
    buf_init(&r->head, MAX_HEAD);
    buf_init(&r->body, MAX_BODY);
    r->call = call;
    if (call->easy == NULL || call->multi == NULL) {
        transfer_end(r);
        return error_set(err, "libcurl cannot begin");
    }
    for (size_t i = 0; ask->headers[i]; i++)
        call->headers = libcurl.curl_slist_append(call->headers, ask->headers[i]);
    set_options(r, ask);
    libcurl.curl_multi_add_handle(call->multi, call->easy);
    return true;
}

static void
read_state(struct transfer *r)
{
    static const unsigned versions[] = {
        [CURL_HTTP_VERSION_1_0] = 10, [CURL_HTTP_VERSION_1_1] = 11, [CURL_HTTP_VERSION_2_0] = 20};
    __typeof__(curl_easy_getinfo) *curl_easy_getinfo = libcurl.curl_easy_getinfo;
    long status = 0, version = 0;
    int left;
    curl_easy_getinfo(r->call->easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(r->call->easy, CURLINFO_HTTP_VERSION, &version);
    bool is_whole = slice_ends(buf_slice(&r->head), SLICE("\r\n\r\n"));
    r->status = is_whole && status >= 200 ? (unsigned)status : 0;
    r->version = version >= 0 && (size_t)version < COUNT_OF(versions) ? versions[version] : 30;
    const CURLMsg *said = libcurl.curl_multi_info_read(r->call->multi, &left);
    if (said == NULL || said->msg != CURLMSG_DONE)
        return;
    CURLcode code = said->data.result;
    r->ended = true;
    if (code != CURLE_OK)
        error_set(&r->why, "%.300s",
                  r->call->error[0] ? r->call->error : libcurl.curl_easy_strerror(code));
}

void
transfer_wait(struct transfer *r, unsigned ms)
{
    size_t had = r->head.len + r->body.len;
    uint64_t until = clock_mono_ms() + ms;
    int running, ready;
    for (;;) {
        libcurl.curl_multi_perform(r->call->multi, &running);
        read_state(r);
        uint64_t now = clock_mono_ms();
        if (r->ended || r->head.len + r->body.len != had || now >= until)
            return;
        libcurl.curl_multi_poll(r->call->multi, NULL, 0, (int)(until - now), &ready);
    }
}

void
transfer_end(struct transfer *r)
{
    struct transfer_call *call = r->call;
    r->call = NULL;
    buf_fini(&r->head);
    buf_fini(&r->body);
    if (call == NULL)
        return;
    if (call->multi && call->easy)
        libcurl.curl_multi_remove_handle(call->multi, call->easy);
    if (call->easy)
        libcurl.curl_easy_cleanup(call->easy);
    if (call->multi)
        libcurl.curl_multi_cleanup(call->multi);
    libcurl.curl_slist_free_all(call->headers);
    free(call);
}

bool
transfer_run(struct transfer *r, const struct transfer_ask *ask, struct error *err)
{
    uint64_t until = clock_mono_ms() + ANSWER_MS;
    if (!transfer_begin(r, ask, err))
        return false;
    while (!r->ended && clock_mono_ms() < until)
        transfer_wait(r, (unsigned)(until - clock_mono_ms()));
    if (!r->ended)
        return error_set(err, "no whole answer within %d s", ANSWER_MS / 1000);
    return r->why.text[0] == 0 || error_set(err, "%s", r->why.text);
}

struct slice
transfer_header(const struct transfer *r, const char *name, size_t nth)
{
    struct slice rest = buf_slice(&r->head), line;
    while (slice_cut(&rest, '\n', &line)) {
        size_t colon = slice_index(line, ':');
        if (colon == line.len || !slice_eq_nocase(slice_head(line, colon), slice_of(name)))
            continue;
        if (nth-- == 0) {
            struct slice value = slice_from(line, colon + 1);
            return slice_trim(slice_head(value, slice_index(value, '\r')));
        }
    }
    return SLICE("");
}
