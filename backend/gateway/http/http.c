/* http - one connection, one request at a time.
 *
 *     IDLE -> HEAD -> (BODY ->) WAITING -> REPLYING -> IDLE | lingering
 *                               WAITING -> STREAMING -> ENDING -> IDLE | lingering
 *
 * Bytes are read into the worker's buffer and parsed there; what is left over stays in link.in,
 * which is bounded: a peer that pipelines on is not read. A request that was sent ahead is begun in
 * a later round of the turn: one for each peer that has some, then each peer's next.
 *
 * What one gets wrong: nothing of the handler may be called from inside an exchange_ function.
 * So these only change the state and ask for resume(), which runs at the end of the turn. */

#include "gateway/http/http.h"

#include "base/alloc.h"
#include "gateway/body.h"
#include "gateway/headers.h"
#include "gateway/http/chunked.h"
#include "gateway/http/head.h"
#include "request/answered.h"
#include "request/status.h"
#include "transport/update.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define HTTP_STATES(X)                                                                             \
    X(IDLE)      /* nothing of a request is here */                                                \
    X(HEAD)      /* a part of a head is */                                                         \
    X(BODY)      /* the handler wants the body */                                                  \
    X(WAITING)   /* the handler has the request */                                                 \
    X(REPLYING)  /* the whole reply is written or in `out` */                                      \
    X(STREAMING) /* an event stream */                                                             \
    X(ENDING)    /* its last bytes are in `out` */

enum state {
#define X(name) STATE_##name,
    HTTP_STATES(X)
#undef X
};

enum {
    TEXT_BYTES = 160,
    HEAD_BYTES = 512, /* most heads of replies fit */
    CHUNKED = 1,      /* marks updates that go out as chunks */
};

/* What only a body needs. */
struct http_body {
    struct body body;
    struct chunked chunked;
    uint64_t left; /* Content-Length's */
    bool is_chunked;
};

struct http {
    struct link link;
    struct exchange exchange;
    struct http_body *body; /* owns; NULL: no body is announced or kept */
    size_t scanned;
    enum state state;
    bool active;    /* between on_head and on_gone */
    bool keep;      /* the connection may serve another request */
    bool chunked;   /* replies without a length are chunked */
    bool body_open; /* announced and not read to its end */
    bool expects_continue;
};

static void process(struct http *);

static struct http *
of_link(const struct link *l)
{
    return CONTAINER_OF(l, struct http, link);
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
        [STATE_BODY] = 1u << STATE_HEAD | 1u << STATE_WAITING,
        [STATE_WAITING] = 1u << STATE_HEAD | 1u << STATE_BODY | 1u << STATE_WAITING,
        [STATE_REPLYING] = 1u << STATE_HEAD | 1u << STATE_BODY | 1u << STATE_WAITING,
        [STATE_STREAMING] = 1u << STATE_HEAD | 1u << STATE_WAITING,
        [STATE_ENDING] = 1u << STATE_STREAMING,
    };
    ENSURE(from[to] & 1u << h->state);
    h->state = to;
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

/* Status line and headers but for those that frame the body. */
static void
add_head(struct http *h, struct buf *b, const struct reply *r)
{
    char digits[SLICE_DIGITS];
    buf_reserve(b, HEAD_BYTES);
    buf_add(b, SLICE("HTTP/1.1 "));
    buf_add(b, slice_of_number(digits, r->status, 10));
    buf_add(b, SLICE(" "));
    buf_add(b, status_reason(r->status));
    buf_add(b, SLICE("\r\n"));
    headers_add(b, SLICE("Date"), date_now());
    headers_add_all(b, r);
    if (!h->keep)
        headers_add(b, SLICE("Connection"), SLICE("close"));
    else if (!h->chunked)
        headers_add(b, SLICE("Connection"), SLICE("keep-alive"));
}

/* The peer sends no more, and has not sent anything ahead. */
static bool
is_last(const struct link *l)
{
    return l->peer_ended && l->in.len == 0;
}

static void
on_wire_reply(struct exchange *ex, const struct reply *r)
{
    struct http *h = of_exchange(ex);
    struct buf b;
    bool is_head = slice_eq(ex->request->method, SLICE("HEAD"));
    if (link_is_stopping(&h->link) || h->body_open || is_last(&h->link) ||
        (r->is_stream && !is_head))
        h->keep = false;
    buf_init(&b, SIZE_MAX);
    add_head(h, &b, r);
    if (reply_has_length(r, is_head))
        headers_add_number(&b, SLICE("Content-Length"), r->body.len);
    buf_add(&b, SLICE("\r\n"));
    if (!is_head)
        buf_add(&b, r->body);
    set_state(h, STATE_REPLYING);
    link_set_timer(&h->link, 0);
    if (b.failed)
        link_die(&h->link);
    else
        link_push(&h->link, buf_slice(&b));
    buf_fini(&b);
    link_ask_resume(&h->link);
}

static void
on_wire_read_body(struct exchange *ex, size_t max)
{
    struct http *h = of_exchange(ex);
    struct http_body *body = h->body;
    set_state(h, STATE_BODY);
    link_set_timer(&h->link, h->link.settings->body_timeout_ms);
    if (body) {
        body_init(&body->body, max, ex->request->share);
        bool fits = body->is_chunked || body->left <= max;
        if (fits && h->expects_continue && h->link.in.len == 0)
            link_push(&h->link, SLICE("HTTP/1.1 100 Continue\r\n\r\n"));
    }
    link_ask_resume(&h->link);
}

static void
on_wire_wait(struct exchange *ex)
{
    struct http *h = of_exchange(ex);
    set_state(h, STATE_WAITING);
    link_set_timer(&h->link, 0);
}

static void
release_body(struct http *h)
{
    if (h->body == NULL)
        return;
    body_fini(&h->body->body, h->link.settings);
    free(h->body);
    h->body = NULL;
}

static void
on_wire_stream(struct exchange *ex, const struct reply *r, struct slice first)
{
    struct http *h = of_exchange(ex);
    struct buf b;
    /* Without chunks only a close can tell the end; and some clients read to the connection's end
     * whatever the chunks say: they come back when it is closed. */
    h->keep = false;
    buf_init(&b, SIZE_MAX);
    add_head(h, &b, r);
    if (h->chunked)
        buf_addf(&b, "Transfer-Encoding: chunked\r\n\r\n%zx\r\n" SLICE_FMT "\r\n", first.len,
                 SLICE_ARG(first));
    else
        buf_addf(&b, "\r\n" SLICE_FMT, SLICE_ARG(first));
    set_state(h, STATE_STREAMING);
    link_set_timer(&h->link, 0);
    link_tune_for_streaming(&h->link);
    if (b.failed)
        link_die(&h->link);
    else
        link_push(&h->link, buf_slice(&b));
    buf_fini(&b);
    arena_fini(&ex->arena);
    ex->request = NULL;
    release_body(h);
    if (h->link.in.len || h->link.peer_ended || h->body_open)
        link_die(&h->link); /* a byte behind a streaming request ends it */
    buf_fini(&h->link.in);
    connection_watch_read(&h->link.connection, true);
}

/* On this wire an update is one run of bytes, made once for all. */
static unsigned
frame(const struct link *l, const struct update *u, uint16_t mark, size_t offset,
      struct iovec *parts, unsigned room, char (*scratch)[LINK_SCRATCH])
{
    (void)l;
    (void)room;
    (void)scratch;
    struct slice bytes = mark == CHUNKED ? u->frame : u->event;
    parts[0] = (struct iovec){(char *)bytes.ptr + offset, bytes.len - offset};
    return 1;
}

static size_t
framed_size(const struct link *l, const struct update *u)
{
    return of_link(l)->chunked ? u->frame.len : u->event.len;
}

static size_t
on_wire_send(struct exchange *ex, struct update *const *updates, size_t count)
{
    struct http *h = of_exchange(ex);
    return h->state == STATE_STREAMING
               ? link_send(&h->link, updates, count, h->chunked ? CHUNKED : 0)
               : 0;
}

static bool
on_wire_is_flushed(const struct exchange *ex)
{
    return link_is_flushed(&of_exchange(ex)->link);
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
    if (!link_is_flushed(&h->link) || h->link.dead || h->state != STATE_STREAMING)
        return false;
    link_push(&h->link, frame_text(h, framed, text, SLICE("")));
    return true;
}

static void
on_wire_end(struct exchange *ex, struct slice last)
{
    struct http *h = of_exchange(ex);
    char framed[TEXT_BYTES];
    if (h->state != STATE_STREAMING)
        return;
    if (link_is_stopping(&h->link))
        h->keep = false;
    set_state(h, STATE_ENDING);
    link_push(&h->link, frame_text(h, framed, last, SLICE("0\r\n\r\n")));
    link_ask_resume(&h->link);
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
};

/* Everything that belongs to one request. */
static void
release_request(struct http *h)
{
    if (h->active) {
        h->active = false;
        exchange_gone(&h->exchange);
    }
    arena_fini(&h->exchange.arena);
    h->exchange.request = NULL;
    release_body(h);
}

/* The reply, or the stream, is over and written. */
static void
finish(struct http *h)
{
    release_request(h);
    if (!h->keep || is_last(&h->link)) {
        link_linger(&h->link);
        return;
    }
    set_state(h, STATE_IDLE);
    link_set_timer(&h->link, h->link.settings->keepalive_timeout_ms);
    link_unkept(&h->link);
}

/* Before there is a handler: the wire's own refusal. */
static void
refuse(struct http *h, unsigned status)
{
    char text[256];
    struct slice reason = status_reason(status);
    answered_log(&h->exchange, status, "wire", reason);
    int n = snprintf(
        text, sizeof text,
        "HTTP/1.1 %u " SLICE_FMT "\r\nContent-Type: text/plain; charset=utf-8\r\n"
        "Cache-Control: no-store\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n" SLICE_FMT
        "\n",
        status, SLICE_ARG(reason), reason.len + 1, SLICE_ARG(reason));
    h->keep = false;
    h->state = STATE_REPLYING; /* from IDLE or HEAD, without a request */
    link_push(&h->link, SLICE_OF(text, (size_t)n));
    link_ask_resume(&h->link);
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
    struct request *r = arena_alloc(&ex->arena, sizeof *r);
    struct slice source = slice_head(in, head->size), copy;
    struct header *kept = arena_alloc(&ex->arena, (head->header_count + 1) * sizeof *kept);
    ex->request = r;
    if (r == NULL || kept == NULL || !arena_copy(&ex->arena, source, &copy))
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
    /* The peer is a front: it is not the client. Who that is, and by which scheme it came, is for
     * request/front.h to say. */
    r->peer = h->link.connection.is_unix ? NULL : h->link.connection.peer;
    r->told_length = head->content_length;
    r->has_body = head->chunked || r->told_length > 0;
    return true;
}

static void
begin_request(struct http *h, const struct http_head *head)
{
    struct exchange *ex = &h->exchange;
    h->keep = head->keep_alive;
    h->chunked = head->minor == 1;
    h->expects_continue = head->expect_continue;
    h->body_open = ex->request->has_body;
    if (h->body_open) {
        h->body = xalloc(sizeof *h->body);
        h->body->is_chunked = head->chunked;
        h->body->left = head->content_length;
        chunked_init(&h->body->chunked);
    }
    h->active = true;
    ex->state = NULL;
    ex->handler = h->link.settings->route(ex);
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
        link_set_timer(&h->link, h->link.settings->head_timeout_ms);
    }
    enum parse parsed = http_head_read(in, &h->scanned, &head, headers, &status);
    if (parsed == PARSE_MORE && in.len <= h->link.settings->max_head)
        return 0;
    if (parsed == PARSE_MORE || (parsed == PARSE_OK && head.size > h->link.settings->max_head)) {
        link_count(&h->link, LINK_HEAD_TOO_LARGE);
        refuse(h, 431);
        return in.len;
    }
    if (parsed == PARSE_BAD) {
        link_count(&h->link, LINK_BAD_REQUEST);
        refuse(h, status);
        return in.len;
    }
    if (!fill_request(h, in, &head, headers)) {
        refuse(h, 503);
        return in.len;
    }
    /* What follows must be where the handler's calls look for it, before they are made. */
    struct slice rest = slice_from(in, head.size);
    bool own = in.ptr == h->link.in.ptr;
    if (own)
        buf_drop(&h->link.in, head.size);
    else
        buf_add(&h->link.in, rest);
    begin_request(h, &head);
    return in.len;
}

static void
refuse_body(struct http *h, unsigned status)
{
    struct exchange *ex = &h->exchange;
    body_fini(&h->body->body, h->link.settings);
    set_state(h, STATE_WAITING);
    exchange_body_refused(ex, status);
}

/* Takes body bytes from the front of `in`. */
static void
read_body(struct http *h)
{
    struct exchange *ex = &h->exchange;
    struct http_body *body = h->body;
    if (body == NULL) {
        set_state(h, STATE_WAITING);
        link_set_timer(&h->link, 0);
        exchange_body(ex);
        return;
    }
    struct slice in = buf_slice(&h->link.in);
    struct buf *bytes = &body->body.bytes;
    enum parse parsed = PARSE_MORE;
    if (body->is_chunked) {
        parsed = chunked_read(&body->chunked, &in, bytes);
    } else {
        struct slice part = slice_head(in, body->left < in.len ? (size_t)body->left : in.len);
        if (body->left > bytes->max - bytes->len)
            bytes->failed = true; /* told by its length alone: too large */
        buf_add(bytes, part);
        body->left -= part.len;
        in = slice_from(in, part.len);
        parsed = body->left ? PARSE_MORE : PARSE_OK;
    }
    buf_drop(&h->link.in, h->link.in.len - in.len);
    link_unkept(&h->link); /* what came while the handler waited may have filled it */
    unsigned refused = body_judge(&body->body, h->link.settings);
    if (refused) {
        refuse_body(h, refused);
        return;
    }
    if (parsed == PARSE_BAD) {
        link_count(&h->link, LINK_BAD_REQUEST);
        h->keep = false;
        struct reply r = {.status = 400, .body = SLICE("The chunked body is malformed.\n")};
        answered_log(ex, r.status, "wire", r.body);
        on_wire_reply(ex, &r);
        return;
    }
    if (parsed == PARSE_MORE) {
        if (h->link.peer_ended)
            link_close(&h->link); /* the rest of it will not come */
        return;
    }
    h->body_open = false;
    set_state(h, STATE_WAITING);
    link_set_timer(&h->link, 0);
    ex->request->body = buf_slice(bytes);
    exchange_body(ex);
}

/* Goes on with what lies in `in`. */
static void
process(struct http *h)
{
    if (h->state == STATE_BODY) {
        read_body(h);
    } else if ((h->state == STATE_IDLE || h->state == STATE_HEAD) &&
               read_head(h, buf_slice(&h->link.in)) == 0) {
        if (h->link.peer_ended)
            link_close(&h->link);
        else
            connection_watch_read(&h->link.connection, true); /* the rest of it is to come */
    }
}

/* Requests that came ahead of their turn. */
static bool
has_waiting(const struct http *h)
{
    return h->state == STATE_IDLE && h->link.in.len;
}

/* At the end of a turn in which something was decided. One request is begun, whatever is there: the
 * next waits behind other peers'. */
static void
resume(struct link *l)
{
    struct http *h = of_link(l);
    if ((h->state == STATE_REPLYING || h->state == STATE_ENDING) && link_is_flushed(l))
        finish(h);
    if (has_waiting(h))
        process(h);
    if (h->state == STATE_BODY)
        process(h);
}

static void
on_input(struct link *l, struct slice bytes)
{
    struct http *h = of_link(l);
    switch (h->state) {
    case STATE_IDLE:
        if (l->in.len)
            link_keep(l, bytes);
        else if (read_head(h, bytes) == 0)
            buf_add(&l->in, bytes);
        return;
    case STATE_HEAD:
    case STATE_BODY:
        buf_add(&l->in, bytes);
        process(h);
        return;
    case STATE_WAITING:
    case STATE_REPLYING:
        link_keep(l, bytes);
        return;
    case STATE_STREAMING:
    case STATE_ENDING:
        link_close(l);
        return;
    }
}

/* The peer sends no more. Who still waits for a reply gets it. */
static void
on_peer_end(struct link *l)
{
    struct http *h = of_link(l);
    if (h->state == STATE_WAITING || h->state == STATE_REPLYING || has_waiting(h)) {
        l->peer_ended = true;
        connection_watch_read(&l->connection, false);
        return;
    }
    link_close(l);
}

static void
on_flushed(struct link *l)
{
    struct http *h = of_link(l);
    link_set_timer(l, h->state == STATE_BODY ? l->settings->body_timeout_ms : 0);
    if (h->state == STATE_STREAMING)
        exchange_writable(&h->exchange);
    else if (h->state == STATE_REPLYING || h->state == STATE_ENDING)
        link_ask_resume(l);
}

static void
on_timeout(struct link *l)
{
    struct http *h = of_link(l);
    switch (h->state) {
    case STATE_HEAD:
        link_count(l, LINK_HEAD_TIMEOUT);
        refuse(h, 408);
        return;
    case STATE_BODY: {
        struct reply r = {.status = 408, .body = SLICE("The body did not come in time.\n")};
        link_count(l, LINK_BODY_TIMEOUT);
        h->keep = false;
        answered_log(&h->exchange, r.status, "wire", r.body);
        on_wire_reply(&h->exchange, &r);
        return;
    }
    case STATE_IDLE:
        link_count(l, LINK_IDLE_TIMEOUT);
        link_close(l);
        return;
    case STATE_WAITING:
    case STATE_REPLYING:
    case STATE_STREAMING:
    case STATE_ENDING:
        return; /* link waits for the peer there, and knows for how long */
    }
}

static void
on_drain(struct link *l)
{
    struct http *h = of_link(l);
    if (h->state == STATE_BODY)
        process(h); /* what is here may be all of it */
    if (h->state == STATE_BODY)
        refuse_body(h, 503);
    else if (h->state == STATE_IDLE && l->in.len == 0)
        link_close(l);
}

static void
on_release(struct link *l)
{
    release_request(of_link(l));
}

static size_t
held(const struct link *l)
{
    return of_link(l)->exchange.arena.used;
}

static void
begin(struct link *l)
{
    struct http *h = of_link(l);
    arena_init(&h->exchange.arena, EXCHANGE_ARENA_BYTES);
    h->exchange.wire = &wire;
    h->exchange.worker = l->connection.worker;
    h->exchange.id = l->connection.id;
}

const struct link_kind http_kind = {
    .name = "http",
    .size = sizeof(struct http),
    .begin = begin,
    .input = on_input,
    .ended = on_peer_end,
    .flushed = on_flushed,
    .timeout = on_timeout,
    .resume = resume,
    .drain = on_drain,
    .release = on_release,
    .held = held,
    .frame = frame,
    .is_whole = true,
    .framed_size = framed_size,
};
