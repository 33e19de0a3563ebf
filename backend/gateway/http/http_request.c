/* http_request - its states, and the calls of its handler.
 *
 *     IDLE -> HEAD -> (BODY ->) WAITING -> (SENDING ->) REPLYING -> IDLE | lingering
 *                               WAITING -> STREAMING -> ENDING -> IDLE | lingering
 *
 * What one gets wrong: nothing of the handler may be called from inside an exchange_ function.
 * So these only change the state and ask for resume(), which runs at the end of the turn. */

#include "gateway/http/http_request.h"

#include "base/alloc.h"
#include "base/state.h"
#include "gateway/headers.h"
#include "gateway/refusal.h"
#include "request/status.h"
#include "transport/update.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
    TEXT_BYTES = 160,
    HEAD_BYTES = 512, /* most heads of replies fit */
    CHUNKED = 1,      /* marks updates that go out as chunks */
};

static const struct machine machine = {
    .event = "http_state",
    .names =
        (const char *const[]){
#define X(name) #name,
            HTTP_STATES(X)
#undef X
        },
    .from =
        (const uint32_t[]){
            [HTTP_IDLE] = STATE_BIT(HTTP_REPLYING) | STATE_BIT(HTTP_ENDING),
            [HTTP_HEAD] = STATE_BIT(HTTP_IDLE),
            [HTTP_BODY] = STATE_BIT(HTTP_HEAD) | STATE_BIT(HTTP_WAITING),
            [HTTP_WAITING] = STATE_BIT(HTTP_HEAD) | STATE_BIT(HTTP_BODY) | STATE_BIT(HTTP_WAITING),
            [HTTP_SENDING] = STATE_BIT(HTTP_HEAD) | STATE_BIT(HTTP_BODY) | STATE_BIT(HTTP_WAITING),
            [HTTP_REPLYING] = STATE_BIT(HTTP_HEAD) | STATE_BIT(HTTP_BODY) |
                              STATE_BIT(HTTP_WAITING) | STATE_BIT(HTTP_SENDING),
            [HTTP_STREAMING] = STATE_BIT(HTTP_HEAD) | STATE_BIT(HTTP_WAITING),
            [HTTP_ENDING] = STATE_BIT(HTTP_STREAMING),
        },
};

static struct http *
of_exchange(const struct exchange *ex)
{
    return CONTAINER_OF(ex, struct http, exchange);
}

void
http_request_move(struct http *h, enum http_state to)
{
    state_move(&machine, &h->state, to, h->link.connection.id);
}

bool
http_request_is_last(const struct http *h)
{
    return h->link.peer_ended && h->link.in.len == 0;
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

static void
on_wire_reply(struct exchange *ex, const struct reply *r)
{
    struct http *h = of_exchange(ex);
    struct buf b;
    bool is_head = ex->request && slice_eq(ex->request->method, SLICE("HEAD"));
    h->streamed = r->is_stream && !is_head;
    if (link_is_stopping(&h->link) || link_is_crowded(&h->link) || h->body_open ||
        http_request_is_last(h) || h->streamed)
        h->keep = false;
    buf_init(&b, SIZE_MAX);
    add_head(h, &b, r);
    if (reply_has_length(r, is_head))
        headers_add_number(&b, SLICE("Content-Length"), r->body.len + r->rest);
    buf_add(&b, SLICE("\r\n"));
    if (!is_head)
        buf_add(&b, r->body);
    http_request_move(h, ex->request && ex->request->rest ? HTTP_SENDING : HTTP_REPLYING);
    link_set_timer(&h->link, 0);
    if (h->state == HTTP_SENDING)
        link_tune_for_streaming(&h->link);
    if (b.failed)
        link_die(&h->link);
    else if (h->keep && h->link.in.len && h->state == HTTP_REPLYING)
        link_push_ahead(&h->link, buf_slice(&b)); /* the next reply may come in this turn */
    else
        link_push(&h->link, buf_slice(&b));
    buf_fini(&b);
    link_ask_resume(&h->link);
}

static void
on_wire_add(struct exchange *ex, struct slice piece)
{
    struct http *h = of_exchange(ex);
    if (ex->request->rest == 0) {
        http_request_move(h, HTTP_REPLYING);
        link_ask_resume(&h->link);
    }
    link_push(&h->link, piece);
}

static void
on_wire_cut(struct exchange *ex)
{
    link_die(&of_exchange(ex)->link);
}

static void
on_wire_read_body(struct exchange *ex, size_t max)
{
    struct http *h = of_exchange(ex);
    struct http_body *body = h->body;
    http_request_move(h, HTTP_BODY);
    link_set_timer(&h->link, h->link.gw->config->body_timeout_ms);
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
    http_request_move(h, HTTP_WAITING);
    link_set_timer(&h->link, 0);
}

static void
release_body(struct http *h)
{
    if (h->body == NULL)
        return;
    body_fini(&h->body->body, h->link.gw);
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
    http_request_move(h, HTTP_STREAMING);
    h->streamed = true;
    link_set_timer(&h->link, 0);
    link_tune_for_streaming(&h->link);
    arena_fini(&ex->arena);
    ex->request = NULL;
    release_body(h);
    if (h->link.in.len || h->link.peer_ended || h->body_open || b.failed)
        link_die(&h->link); /* a byte behind a streaming request ends it */
    buf_fini(&h->link.in);
    if (!b.failed)
        link_push(&h->link, buf_slice(&b)); /* counts what the link holds from now on */
    buf_fini(&b);
    connection_watch_read(&h->link.connection, true);
}

/* On this wire an update is one run of bytes, made once for all. */
static unsigned
frame(const struct update *u, uint16_t mark, size_t offset, struct iovec *parts, unsigned room,
      char (*scratch)[RUN_SCRATCH])
{
    (void)room;
    (void)scratch;
    struct slice bytes = mark == CHUNKED ? u->frame : u->event;
    parts[0] = (struct iovec){(char *)bytes.ptr + offset, bytes.len - offset};
    return 1;
}

static size_t
size(const struct update *u, uint16_t mark)
{
    return mark == CHUNKED ? u->frame.len : u->event.len;
}

const struct framing http_request_framing = {.frame = frame, .size = size, .is_whole = true};

static size_t
on_wire_send(struct exchange *ex, struct update *const *updates, size_t count)
{
    struct http *h = of_exchange(ex);
    return h->state == HTTP_STREAMING
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
    if (!link_is_flushed(&h->link) || h->link.dead || h->state != HTTP_STREAMING)
        return false;
    link_push(&h->link, frame_text(h, framed, text, SLICE("")));
    return true;
}

static void
on_wire_end(struct exchange *ex, struct slice last)
{
    struct http *h = of_exchange(ex);
    char framed[TEXT_BYTES];
    if (h->state != HTTP_STREAMING)
        return;
    if (link_is_stopping(&h->link))
        h->keep = false;
    http_request_move(h, HTTP_ENDING);
    link_push(&h->link, frame_text(h, framed, last, SLICE("0\r\n\r\n")));
    link_ask_resume(&h->link);
}

const struct exchange_wire http_request_wire = {
    .name = "http",
    .reply = on_wire_reply,
    .add = on_wire_add,
    .cut = on_wire_cut,
    .read_body = on_wire_read_body,
    .wait = on_wire_wait,
    .stream = on_wire_stream,
    .send = on_wire_send,
    .is_flushed = on_wire_is_flushed,
    .send_text = on_wire_send_text,
    .end = on_wire_end,
};

void
http_request_release(struct http *h)
{
    if (h->active) {
        h->active = false;
        exchange_gone(&h->exchange);
    }
    arena_fini(&h->exchange.arena);
    h->exchange.request = NULL;
    release_body(h);
}

void
http_request_refuse(struct http *h, unsigned status, struct slice sentence)
{
    struct refusal f;
    h->keep = false;
    on_wire_reply(&h->exchange, refusal_make(&f, &h->exchange, status, sentence));
}
