/* http - one connection, one request at a time.
 *
 *     IDLE -> HEAD -> (BODY ->) WAITING -> REPLYING -> IDLE | LINGER
 *                               WAITING -> STREAMING -> ENDING -> IDLE | LINGER
 *
 * Bytes are read into the worker's buffer and parsed there; what is left over stays in `in`,
 * which is bounded: a peer that pipelines on is not read. An idle or streaming connection holds
 * no buffer. Output order: the update partly written, then `out`.
 *
 * What one gets wrong: nothing of the handler may be called from inside an exchange_ function.
 * So these only change the state and ask for resume(), which runs at the end of the turn. */

#include "gateway/http/http.h"

#include "base/alloc.h"
#include "gateway/http/chunked.h"
#include "gateway/http/head.h"
#include "transport/update.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define HTTP_STATES(X)                                                                             \
    X(IDLE)      /* nothing of a request is here */                                                \
    X(HEAD)      /* a part of a head is */                                                         \
    X(BODY)      /* the handler wants the body */                                                  \
    X(WAITING)   /* the handler has the request */                                                 \
    X(REPLYING)  /* the whole reply is written or in `out` */                                      \
    X(STREAMING) /* an event stream */                                                             \
    X(ENDING)    /* its last bytes are in `out` */                                                 \
    X(LINGER)    /* we have closed; what the peer still sends is thrown away */                    \
    X(CLOSED)

enum state {
#define X(name) STATE_##name,
    HTTP_STATES(X)
#undef X
};

enum {
    IOV_MAX_HERE = 64,
    PIPELINE_BYTES = 65536, /* read ahead while a request is under way */
    LINGER_BYTES = 4 * 1024 * 1024,
    ARENA_BYTES = 32 * 1024 * 1024, /* decoded forms included; bodies are bounded before */
    REPLY_BYTES = 4 * 1024 * 1024,
    NOTSENT_LOWAT = 16384,
    TEXT_BYTES = 160,
};

/* What only a body needs. */
struct body {
    struct buf bytes;
    struct chunked chunked;
    uint64_t left; /* Content-Length's */
    size_t reserved;
    bool is_chunked, complete;
};

struct http {
    struct connection connection;
    struct exchange exchange;
    struct list node; /* in the registry */
    struct closing later;
    const struct http_settings *settings;
    struct body *body;      /* owns; NULL: no body is announced or kept */
    struct update *partial; /* owns a reference; begun but not finished */
    struct buf in, out;
    size_t scanned, partial_offset, lingered;
    char address[48]; /* of a TCP peer */
    enum state state;
    bool active;    /* between on_head and on_gone */
    bool keep;      /* the connection may serve another request */
    bool chunked;   /* replies without a length are chunked */
    bool body_open; /* announced and not read to its end */
    bool expects_continue, peer_closed, dead;
};

static void process(struct http *);
static void resume(struct closing *);

static struct http *
of_connection(struct connection *c)
{
    return CONTAINER_OF(c, struct http, connection);
}

static struct http *
of_exchange(const struct exchange *ex)
{
    return CONTAINER_OF(ex, struct http, exchange);
}

/* The one place where the state changes. */
static void
set_state(struct http *h, enum state to)
{
    static const unsigned from[] = {
        [STATE_IDLE] = 1u << STATE_REPLYING | 1u << STATE_ENDING,
        [STATE_HEAD] = 1u << STATE_IDLE,
        [STATE_BODY] = 1u << STATE_HEAD,
        [STATE_WAITING] = 1u << STATE_HEAD | 1u << STATE_BODY | 1u << STATE_WAITING,
        [STATE_REPLYING] = 1u << STATE_HEAD | 1u << STATE_BODY | 1u << STATE_WAITING,
        [STATE_STREAMING] = 1u << STATE_HEAD | 1u << STATE_WAITING,
        [STATE_ENDING] = 1u << STATE_STREAMING,
        [STATE_LINGER] = 1u << STATE_REPLYING | 1u << STATE_ENDING,
        [STATE_CLOSED] = ~0u,
    };
    ENSURE(from[to] & 1u << h->state);
    h->state = to;
}

static void
ask_resume(struct http *h)
{
    if (!list_is_linked(&h->later.node))
        worker_close_later(h->connection.worker, &h->later);
}

static void
die(struct http *h)
{
    h->dead = true;
    ask_resume(h);
}

static void
count(struct http *h, enum http_event event)
{
    h->settings->count(h->connection.worker, event);
}

static void
close_now(struct http *h)
{
    if (h->state == STATE_CLOSED)
        return;
    set_state(h, STATE_CLOSED);
    connection_close(&h->connection);
}

static bool
is_flushed(const struct http *h)
{
    return h->partial == NULL && h->out.len == 0;
}

/* Output waits for the peer: watch, and be patient for reply_timeout. */
static void
await_peer(struct http *h)
{
    connection_watch_write(&h->connection, true);
    connection_set_timer(&h->connection, h->settings->reply_timeout_ms);
}

/* Writes what waits. False: the peer is gone. */
static bool
flush(struct http *h)
{
    while (h->partial) {
        struct slice whole = h->chunked ? h->partial->frame : h->partial->event;
        ssize_t n = connection_write(&h->connection, slice_from(whole, h->partial_offset));
        if (n < 0)
            return n == IO_AGAIN;
        h->partial_offset += (size_t)n;
        if (h->partial_offset == whole.len)
            update_unref(&h->partial);
    }
    while (h->out.len) {
        ssize_t n = connection_write(&h->connection, buf_slice(&h->out));
        if (n < 0)
            return n == IO_AGAIN;
        buf_drop(&h->out, (size_t)n);
    }
    buf_fini(&h->out);
    return true;
}

/* Writes, or keeps behind what waits already. */
static void
push(struct http *h, struct slice bytes)
{
    if (is_flushed(h)) {
        ssize_t n = connection_write(&h->connection, bytes);
        if (n == IO_FAILED) {
            die(h);
            return;
        }
        bytes = slice_from(bytes, n > 0 ? (size_t)n : 0);
    }
    if (bytes.len == 0)
        return;
    buf_add(&h->out, bytes);
    if (h->out.failed)
        die(h);
    else
        await_peer(h);
}

static struct slice
status_reason(unsigned status)
{
    static const struct {
        unsigned status;
        struct slice reason;
    } reasons[] = {
        {200, SLICE_INIT("OK")},
        {204, SLICE_INIT("No Content")},
        {400, SLICE_INIT("Bad Request")},
        {401, SLICE_INIT("Unauthorized")},
        {403, SLICE_INIT("Forbidden")},
        {404, SLICE_INIT("Not Found")},
        {405, SLICE_INIT("Method Not Allowed")},
        {408, SLICE_INIT("Request Timeout")},
        {413, SLICE_INIT("Content Too Large")},
        {415, SLICE_INIT("Unsupported Media Type")},
        {417, SLICE_INIT("Expectation Failed")},
        {421, SLICE_INIT("Misdirected Request")},
        {429, SLICE_INIT("Too Many Requests")},
        {431, SLICE_INIT("Request Header Fields Too Large")},
        {501, SLICE_INIT("Not Implemented")},
        {503, SLICE_INIT("Service Unavailable")},
        {505, SLICE_INIT("HTTP Version Not Supported")},
    };
    for (size_t i = 0; i < COUNT_OF(reasons); i++)
        if (reasons[i].status == status)
            return reasons[i].reason;
    return SLICE("Unknown");
}

static struct slice
date_now(void)
{
    static _Thread_local time_t at;
    static _Thread_local char text[40];
    time_t now = time(NULL);
    if (now != at) {
        struct tm tm;
        at = now;
        strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&now, &tm));
    }
    return slice_of(text);
}

static void
add_header(struct buf *b, struct slice name, struct slice value)
{
    buf_add(b, name);
    buf_add(b, SLICE(": "));
    buf_add(b, value);
    buf_add(b, SLICE("\r\n"));
}

/* Status line and headers but for those that frame the body. */
static void
add_head(struct http *h, struct buf *b, const struct reply *r)
{
    struct slice reason = status_reason(r->status);
    buf_addf(b, "HTTP/1.1 %u " SLICE_FMT "\r\n", r->status, SLICE_ARG(reason));
    add_header(b, SLICE("Date"), date_now());
    for (size_t i = 0; i < r->header_count; i++)
        add_header(b, r->headers[i].name, r->headers[i].value);
    if (!h->keep)
        add_header(b, SLICE("Connection"), SLICE("close"));
    else if (!h->chunked)
        add_header(b, SLICE("Connection"), SLICE("keep-alive"));
}

static void
on_wire_reply(struct exchange *ex, const struct reply *r)
{
    struct http *h = of_exchange(ex);
    struct buf b;
    if (h->settings->stopping(h->connection.worker) || h->body_open || h->peer_closed)
        h->keep = false;
    buf_init(&b, REPLY_BYTES);
    add_head(h, &b, r);
    if (r->status != 204 && r->status != 304)
        buf_addf(&b, "Content-Length: %zu\r\n", r->body.len);
    buf_add(&b, SLICE("\r\n"));
    if (!slice_eq(ex->request.method, SLICE("HEAD")))
        buf_add(&b, r->body);
    set_state(h, STATE_REPLYING);
    connection_set_timer(&h->connection, 0);
    if (b.failed)
        die(h);
    else
        push(h, buf_slice(&b));
    buf_fini(&b);
    ask_resume(h);
}

static void
on_wire_read_body(struct exchange *ex, size_t max)
{
    struct http *h = of_exchange(ex);
    struct body *body = h->body;
    set_state(h, STATE_BODY);
    connection_set_timer(&h->connection, h->settings->body_timeout_ms);
    if (body) {
        buf_init(&body->bytes, max);
        if (h->expects_continue && h->in.len == 0)
            push(h, SLICE("HTTP/1.1 100 Continue\r\n\r\n"));
    }
    ask_resume(h);
}

static void
on_wire_wait(struct exchange *ex)
{
    struct http *h = of_exchange(ex);
    set_state(h, STATE_WAITING);
    connection_set_timer(&h->connection, 0);
}

static void
tune_stream_socket(struct http *h)
{
    if (h->connection.is_unix)
        return;
    int lowat = NOTSENT_LOWAT;
    unsigned patience = (unsigned)(2 * h->settings->heartbeat_ms);
    setsockopt(h->connection.fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &lowat, sizeof lowat);
    if (patience)
        setsockopt(h->connection.fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &patience, sizeof patience);
}

static void
on_wire_stream(struct exchange *ex, const struct reply *r, struct slice first)
{
    struct http *h = of_exchange(ex);
    struct buf b;
    if (!h->chunked)
        h->keep = false; /* only a close can tell the end */
    buf_init(&b, REPLY_BYTES);
    add_head(h, &b, r);
    if (h->chunked)
        buf_addf(&b, "Transfer-Encoding: chunked\r\n\r\n%zx\r\n" SLICE_FMT "\r\n", first.len,
                 SLICE_ARG(first));
    else
        buf_addf(&b, "\r\n" SLICE_FMT, SLICE_ARG(first));
    set_state(h, STATE_STREAMING);
    connection_set_timer(&h->connection, 0);
    tune_stream_socket(h);
    push(h, buf_slice(&b));
    buf_fini(&b);
    arena_fini(&ex->arena);
    ex->request = (struct request){0};
    free(h->body);
    h->body = NULL;
    if (h->in.len || h->peer_closed || h->body_open)
        die(h); /* a byte behind a streaming request ends it */
    buf_fini(&h->in);
    connection_watch_read(&h->connection, true);
}

static struct slice
bytes_of(const struct http *h, const struct update *u)
{
    return h->chunked ? u->frame : u->event;
}

static void
keep_partial(struct http *h, struct update *u, size_t offset)
{
    h->partial = update_ref(u);
    h->partial_offset = offset;
    await_peer(h);
}

static size_t
on_wire_send(struct exchange *ex, struct update *const *updates, size_t total)
{
    struct http *h = of_exchange(ex);
    size_t begun = 0;
    if (!is_flushed(h) || h->dead || h->state != STATE_STREAMING)
        return 0;
    while (begun < total) {
        struct iovec parts[IOV_MAX_HERE];
        size_t count = total - begun < IOV_MAX_HERE ? total - begun : IOV_MAX_HERE, size = 0;
        ssize_t n;
        for (size_t i = 0; i < count; i++) {
            struct slice s = bytes_of(h, updates[begun + i]);
            parts[i] = (struct iovec){(char *)s.ptr, s.len};
            size += s.len;
        }
        if (count == 1)
            n = connection_write(&h->connection, SLICE_OF(parts[0].iov_base, parts[0].iov_len));
        else
            n = connection_writev(&h->connection, parts, (int)count);
        if (n == IO_FAILED) {
            die(h);
            return begun;
        }
        size_t left = n > 0 ? (size_t)n : 0;
        bool short_write = left < size;
        for (size_t i = 0; i < count && left; i++, begun++) {
            if (left < parts[i].iov_len) {
                keep_partial(h, updates[begun], left);
                return begun + 1;
            }
            left -= parts[i].iov_len;
        }
        if (short_write) {
            await_peer(h);
            return begun;
        }
    }
    return begun;
}

static bool
on_wire_is_flushed(const struct exchange *ex)
{
    return is_flushed(of_exchange(ex));
}

/* A few bytes as a chunk (and, at the end, the last one), or as they are for HTTP/1.0. */
static struct slice
frame_text(const struct http *h, char out[TEXT_BYTES], struct slice text, struct slice last)
{
    if (!h->chunked)
        return text;
    ENSURE(text.len + 32 < TEXT_BYTES);
    int n = snprintf(out, TEXT_BYTES, "%zx\r\n" SLICE_FMT "\r\n" SLICE_FMT, text.len,
                     SLICE_ARG(text), SLICE_ARG(last));
    return SLICE_OF(out, (size_t)n);
}

static bool
on_wire_send_text(struct exchange *ex, struct slice text)
{
    struct http *h = of_exchange(ex);
    char framed[TEXT_BYTES];
    if (!is_flushed(h) || h->dead || h->state != STATE_STREAMING)
        return false;
    push(h, frame_text(h, framed, text, SLICE("")));
    return true;
}

static void
on_wire_end(struct exchange *ex, struct slice last)
{
    struct http *h = of_exchange(ex);
    char framed[TEXT_BYTES];
    if (h->state != STATE_STREAMING)
        return;
    if (h->settings->stopping(h->connection.worker))
        h->keep = false;
    set_state(h, STATE_ENDING);
    push(h, frame_text(h, framed, last, SLICE("0\r\n\r\n")));
    ask_resume(h);
}

static void
on_wire_cut(struct exchange *ex)
{
    die(of_exchange(ex));
}

static const struct exchange_wire wire = {
    .name = "http",
    .reply = on_wire_reply,
    .read_body = on_wire_read_body,
    .wait = on_wire_wait,
    .stream = on_wire_stream,
    .send = on_wire_send,
    .is_flushed = on_wire_is_flushed,
    .send_text = on_wire_send_text,
    .end = on_wire_end,
    .cut = on_wire_cut,
};

/* Everything that belongs to one request. */
static void
release_request(struct http *h)
{
    if (h->active) {
        h->active = false;
        h->exchange.handler->on_gone(&h->exchange);
    }
    arena_fini(&h->exchange.arena);
    if (h->body) {
        atomic_fetch_sub(h->settings->pending, h->body->reserved);
        buf_fini(&h->body->bytes);
        free(h->body);
        h->body = NULL;
    }
}

static void
linger(struct http *h)
{
    if (h->peer_closed) {
        close_now(h);
        return;
    }
    set_state(h, STATE_LINGER);
    buf_fini(&h->in);
    connection_shutdown_write(&h->connection);
    connection_set_timer(&h->connection, h->settings->linger_timeout_ms);
    connection_watch_read(&h->connection, true);
}

/* The reply, or the stream, is over and written. */
static void
finish(struct http *h)
{
    release_request(h);
    if (!h->keep) {
        linger(h);
        return;
    }
    set_state(h, STATE_IDLE);
    connection_watch_read(&h->connection, true);
    connection_set_timer(&h->connection, h->settings->keepalive_timeout_ms);
    if (h->in.len)
        process(h);
    else
        buf_fini(&h->in);
}

/* Before there is a handler: the wire's own refusal. */
static void
refuse(struct http *h, unsigned status)
{
    char text[256];
    struct slice reason = status_reason(status);
    int n = snprintf(
        text, sizeof text,
        "HTTP/1.1 %u " SLICE_FMT "\r\nContent-Type: text/plain; charset=utf-8\r\n"
        "Cache-Control: no-store\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n" SLICE_FMT
        "\n",
        status, SLICE_ARG(reason), reason.len + 1, SLICE_ARG(reason));
    h->keep = false;
    h->state = STATE_REPLYING; /* from IDLE or HEAD, without a request */
    push(h, SLICE_OF(text, (size_t)n));
    ask_resume(h);
}

static struct slice
rebased(struct slice s, const char *from, const char *to)
{
    return s.ptr ? SLICE_OF(to + (s.ptr - from), s.len) : s;
}

/* `*` and the root of an absolute target are constants, not slices of the head. */
static struct slice
rebased_in(struct slice s, struct slice head, const char *to)
{
    bool inside = s.ptr >= head.ptr && s.ptr <= head.ptr + head.len;
    return inside ? rebased(s, head.ptr, to) : s;
}

/* Copies the head into the exchange's arena and fills the request. False: no room. */
static bool
fill_request(struct http *h, struct slice in, const struct http_head *head,
             const struct header *headers)
{
    struct exchange *ex = &h->exchange;
    struct request *r = &ex->request;
    struct slice source = slice_head(in, head->size), copy;
    struct header *kept = arena_alloc(&ex->arena, (head->header_count + 1) * sizeof *kept);
    if (kept == NULL || !arena_copy(&ex->arena, source, &copy))
        return false;
    for (size_t i = 0; i < head->header_count; i++)
        kept[i] = (struct header){rebased_in(headers[i].name, source, copy.ptr),
                                  rebased_in(headers[i].value, source, copy.ptr)};
    r->method = rebased_in(head->method, source, copy.ptr);
    r->path = rebased_in(head->path, source, copy.ptr);
    r->query = rebased_in(head->query, source, copy.ptr);
    r->host = rebased_in(head->host, source, copy.ptr);
    r->headers = kept;
    r->header_count = head->header_count;
    r->body = SLICE("");
    r->peer_kind = h->connection.is_unix ? ADDRESS_UNIX : ADDRESS_INET;
    r->peer_address = slice_of(h->address);
    r->has_body = head->chunked || head->content_length > 0;
    return true;
}

static void
begin_request(struct http *h, const struct http_head *head)
{
    struct exchange *ex = &h->exchange;
    h->keep = head->keep_alive;
    h->chunked = head->minor == 1;
    h->expects_continue = head->expect_continue;
    h->body_open = ex->request.has_body;
    if (h->body_open) {
        h->body = xalloc(sizeof *h->body);
        h->body->is_chunked = head->chunked;
        h->body->left = head->content_length;
        chunked_init(&h->body->chunked);
    }
    h->active = true;
    ex->state = NULL;
    ex->handler = h->settings->route(ex);
    ex->handler->on_head(ex);
}

/* Tries to read a head at the start of `in`. Returns the bytes used. */
static size_t
read_head(struct http *h, struct slice in)
{
    struct http_head head;
    struct header headers[REQUEST_MAX_HEADERS];
    unsigned status;
    if (h->state == STATE_IDLE) {
        set_state(h, STATE_HEAD);
        h->scanned = 0;
        connection_set_timer(&h->connection, h->settings->head_timeout_ms);
    }
    enum parse parsed = http_head_read(in, &h->scanned, &head, headers, &status);
    if (parsed == PARSE_MORE && in.len <= h->settings->max_head)
        return 0;
    if (parsed == PARSE_MORE || (parsed == PARSE_OK && head.size > h->settings->max_head)) {
        count(h, HTTP_HEAD_TOO_LARGE);
        refuse(h, 431);
        return in.len;
    }
    if (parsed == PARSE_BAD) {
        count(h, HTTP_BAD_REQUEST);
        refuse(h, status);
        return in.len;
    }
    if (!fill_request(h, in, &head, headers)) {
        refuse(h, 503);
        return in.len;
    }
    /* What follows must be where the handler's calls look for it, before they are made. */
    struct slice rest = slice_from(in, head.size);
    bool own = in.ptr == h->in.ptr;
    if (own)
        buf_drop(&h->in, head.size);
    else
        buf_add(&h->in, rest);
    begin_request(h, &head);
    return in.len;
}

static bool
reserve_body(struct http *h)
{
    struct body *body = h->body;
    if (body->bytes.cap <= body->reserved)
        return true;
    size_t more = body->bytes.cap - body->reserved;
    size_t before = atomic_fetch_add(h->settings->pending, more);
    body->reserved = body->bytes.cap;
    return before + more <= h->settings->max_pending_bytes;
}

/* Takes body bytes from the front of `in`. */
static void
read_body(struct http *h)
{
    struct exchange *ex = &h->exchange;
    struct body *body = h->body;
    if (body == NULL) {
        set_state(h, STATE_WAITING);
        connection_set_timer(&h->connection, 0);
        ex->handler->on_body(ex);
        return;
    }
    struct slice in = buf_slice(&h->in);
    enum parse parsed = PARSE_MORE;
    if (body->is_chunked) {
        parsed = chunked_read(&body->chunked, &in, &body->bytes);
    } else {
        struct slice part = slice_head(in, body->left < in.len ? (size_t)body->left : in.len);
        if (body->left > body->bytes.max - body->bytes.len)
            body->bytes.failed = true; /* told by its length alone: too large */
        buf_add(&body->bytes, part);
        body->left -= part.len;
        in = slice_from(in, part.len);
        parsed = body->left ? PARSE_MORE : PARSE_OK;
    }
    buf_drop(&h->in, h->in.len - in.len);
    if (h->in.len == 0)
        buf_fini(&h->in);
    if (body->bytes.failed || !reserve_body(h)) {
        set_state(h, STATE_WAITING);
        ex->handler->on_body_refused(ex, body->bytes.failed ? 413 : 503);
        return;
    }
    if (parsed == PARSE_BAD) {
        count(h, HTTP_BAD_REQUEST);
        h->keep = false;
        struct reply r = {.status = 400, .body = SLICE("The chunked body is malformed.\n")};
        on_wire_reply(ex, &r);
        return;
    }
    if (parsed == PARSE_MORE)
        return;
    h->body_open = false;
    set_state(h, STATE_WAITING);
    connection_set_timer(&h->connection, 0);
    ex->request.body = buf_slice(&body->bytes);
    ex->handler->on_body(ex);
}

/* Goes on with what lies in `in`. */
static void
process(struct http *h)
{
    if (h->state == STATE_BODY) {
        read_body(h);
    } else if (h->state == STATE_IDLE || h->state == STATE_HEAD) {
        read_head(h, buf_slice(&h->in));
    }
}

/* At the end of a turn in which something was decided. */
static void
resume(struct closing *closing)
{
    struct http *h = CONTAINER_OF(closing, struct http, later);
    if (h->state == STATE_CLOSED)
        return;
    if (h->dead) {
        close_now(h);
        return;
    }
    if (h->state == STATE_BODY)
        process(h);
    else if ((h->state == STATE_REPLYING || h->state == STATE_ENDING) && is_flushed(h))
        finish(h);
}

static void
take_input(struct http *h, struct slice bytes)
{
    switch (h->state) {
    case STATE_IDLE:
    case STATE_HEAD:
        if (h->in.len == 0 && read_head(h, bytes) != 0)
            return;
        buf_add(&h->in, bytes);
        if (h->in.len > bytes.len)
            process(h);
        return;
    case STATE_BODY:
        buf_add(&h->in, bytes);
        process(h);
        return;
    case STATE_WAITING:
    case STATE_REPLYING:
        buf_add(&h->in, bytes);
        if (h->in.len >= PIPELINE_BYTES)
            connection_watch_read(&h->connection, false);
        return;
    case STATE_LINGER:
        h->lingered += bytes.len;
        if (h->lingered > LINGER_BYTES)
            close_now(h);
        return;
    case STATE_STREAMING:
    case STATE_ENDING:
        close_now(h);
        return;
    case STATE_CLOSED:
        return;
    }
}

/* The peer sends no more. Who still waits for a reply gets it. */
static void
on_peer_end(struct http *h)
{
    if (h->state == STATE_WAITING || h->state == STATE_REPLYING) {
        h->peer_closed = true;
        connection_watch_read(&h->connection, false);
        return;
    }
    close_now(h);
}

static void
on_readable(struct connection *c)
{
    struct http *h = of_connection(c);
    char *buffer = worker_read_buffer(c->worker);
    ssize_t n = connection_read(c, buffer, WORKER_READ_SIZE);
    if (n == IO_AGAIN)
        return;
    if (n == IO_FAILED)
        close_now(h);
    else if (n == IO_END)
        on_peer_end(h);
    else
        take_input(h, SLICE_OF(buffer, (size_t)n));
    if (h->in.failed)
        close_now(h);
}

static void
on_writable(struct connection *c)
{
    struct http *h = of_connection(c);
    if (!flush(h)) {
        close_now(h);
        return;
    }
    if (!is_flushed(h)) {
        await_peer(h);
        return;
    }
    connection_watch_write(c, false);
    if (h->state == STATE_STREAMING) {
        connection_set_timer(c, 0);
        h->exchange.handler->on_writable(&h->exchange);
    } else if (h->state == STATE_REPLYING || h->state == STATE_ENDING) {
        ask_resume(h);
    }
}

static void
on_timer(struct connection *c)
{
    struct http *h = of_connection(c);
    switch (h->state) {
    case STATE_HEAD:
        count(h, HTTP_HEAD_TIMEOUT);
        refuse(h, 408);
        return;
    case STATE_BODY: {
        struct reply r = {.status = 408, .body = SLICE("The body did not come in time.\n")};
        count(h, HTTP_BODY_TIMEOUT);
        h->keep = false;
        on_wire_reply(&h->exchange, &r);
        return;
    }
    case STATE_IDLE:
        count(h, HTTP_IDLE_TIMEOUT);
        break;
    case STATE_REPLYING:
    case STATE_STREAMING:
    case STATE_ENDING:
        count(h, HTTP_REPLY_TIMEOUT);
        break;
    case STATE_WAITING:
        return;
    case STATE_LINGER:
    case STATE_CLOSED:
        break;
    }
    close_now(h);
}

static void
on_free(struct connection *c)
{
    struct http *h = of_connection(c);
    list_unlink(&h->later.node);
    list_unlink(&h->node);
    release_request(h);
    update_unref(&h->partial);
    buf_fini(&h->in);
    buf_fini(&h->out);
    h->settings->freed(c->worker);
    free(h);
}

static const struct connection_owner owner = {
    .on_readable = on_readable,
    .on_writable = on_writable,
    .on_timer = on_timer,
    .on_free = on_free,
};

void
http_registry_init(struct http_registry *r)
{
    list_init(&r->connections);
}

void
http_accept(struct worker *w, int fd, const struct listener_peer *peer,
            const struct http_settings *settings, struct http_registry *registry)
{
    struct http *h = xalloc(sizeof *h);
    h->settings = settings;
    memcpy(h->address, peer->address, sizeof h->address);
    h->later.free = resume;
    list_init(&h->later.node);
    list_append(&registry->connections, &h->node);
    buf_init(&h->in, settings->max_head + PIPELINE_BYTES + WORKER_READ_SIZE);
    buf_init(&h->out, REPLY_BYTES);
    arena_init(&h->exchange.arena, ARENA_BYTES);
    connection_init(&h->connection, w, &owner, fd, peer->is_unix);
    h->exchange.wire = &wire;
    h->exchange.worker = w;
    h->exchange.id = h->connection.id;
    connection_set_timer(&h->connection, settings->idle_timeout_ms);
}

void
http_drain(struct http_registry *r)
{
    LIST_EACH(node, after, &r->connections)
    {
        struct http *h = CONTAINER_OF(node, struct http, node);
        if (h->state == STATE_IDLE)
            close_now(h);
    }
}

void
http_cut_all(struct http_registry *r)
{
    LIST_EACH(node, after, &r->connections)
    {
        close_now(CONTAINER_OF(node, struct http, node));
    }
}
