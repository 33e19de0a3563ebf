/* http - one connection, one request at a time.
 *
 * Bytes are read into the worker's buffer and parsed there; what is left over stays in link.in,
 * which is bounded: a peer that pipelines on is not read. A request that was sent ahead is begun in
 * a later round of the turn: one for each peer that has some, then each peer's next. */

#include "gateway/http/http.h"

#include "base/alloc.h"
#include "gateway/http/head.h"
#include "gateway/http/http_request.h"

static struct http *
of_link(const struct link *l)
{
    return CONTAINER_OF(l, struct http, link);
}

/* The reply, or the stream, is over and written. */
static void
finish(struct http *h)
{
    http_request_release(h);
    if (h->streamed && !h->body_open && h->link.in.len == 0 && !link_has_unread(&h->link)) {
        link_close(&h->link); /* nothing that could still come would be of use */
        return;
    }
    if (!h->keep || http_request_is_last(h)) {
        link_linger(&h->link);
        return;
    }
    http_request_move(h, HTTP_IDLE);
    link_set_timer(&h->link, h->link.gw->config->keepalive_timeout_ms);
    link_unkept(&h->link);
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
    r->peer = h->link.connection.peer.is_unix ? NULL : h->link.connection.peer.ip;
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
    h->streamed = false;
    ex->state = NULL;
    ex->handler = h->link.door->route(ex);
    ex->handler->on_head(ex);
}

/* Tries to read a head at the start of `in`. Returns the bytes used. */
static size_t
read_head(struct http *h, struct slice in)
{
    struct http_head head;
    struct header headers[REQUEST_MAX_HEADERS];
    unsigned status;
    if (h->state == HTTP_IDLE) {
        http_request_move(h, HTTP_HEAD);
        h->scanned = 0;
        link_set_timer(&h->link, h->link.gw->config->head_timeout_ms);
    }
    enum parse parsed = http_head_read(in, &h->scanned, &head, headers, &status);
    if (parsed == PARSE_MORE && in.len <= h->link.gw->config->max_request_head)
        return 0;
    if (parsed == PARSE_MORE ||
        (parsed == PARSE_OK && head.size > h->link.gw->config->max_request_head)) {
        link_met(&h->link, METRIC_max_request_head);
        http_request_refuse(h, 431, SLICE(""));
        return in.len;
    }
    if (parsed == PARSE_BAD) {
        metrics_count(METRIC_requests_bad);
        http_request_refuse(h, status, SLICE(""));
        return in.len;
    }
    if (!fill_request(h, in, &head, headers)) {
        http_request_refuse(h, 503, SLICE(""));
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
    body_fini(&h->body->body, h->link.gw);
    http_request_move(h, HTTP_WAITING);
    exchange_body_refused(ex, status);
}

/* The rest of a request will not come. Replies to those before it may still be under way. */
static void
leave(struct http *h)
{
    if (link_is_pushed(&h->link))
        link_close(&h->link);
}

/* Takes body bytes from the front of `in`. */
static void
read_body(struct http *h)
{
    struct exchange *ex = &h->exchange;
    struct http_body *body = h->body;
    if (body == NULL) {
        http_request_move(h, HTTP_WAITING);
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
    unsigned refused = body_judge(&body->body, h->link.gw);
    if (refused) {
        refuse_body(h, refused);
        return;
    }
    if (parsed == PARSE_BAD) {
        metrics_count(METRIC_requests_bad);
        http_request_refuse(h, 400, SLICE("The chunked body is malformed.\n"));
        return;
    }
    if (parsed == PARSE_MORE) {
        if (h->link.peer_ended)
            leave(h);
        return;
    }
    h->body_open = false;
    http_request_move(h, HTTP_WAITING);
    link_set_timer(&h->link, 0);
    ex->request->body = buf_slice(bytes);
    exchange_body(ex);
}

/* Goes on with what lies in `in`. */
static void
process(struct http *h)
{
    if (h->state == HTTP_BODY) {
        read_body(h);
    } else if ((h->state == HTTP_IDLE || h->state == HTTP_HEAD) &&
               read_head(h, buf_slice(&h->link.in)) == 0) {
        if (h->link.peer_ended)
            leave(h);
        else
            connection_watch_read(&h->link.connection, true); /* the rest of it is to come */
    }
}

/* Requests that came ahead of their turn. */
static bool
has_waiting(const struct http *h)
{
    return h->state == HTTP_IDLE && h->link.in.len;
}

/* At the end of a turn in which something was decided. One request is begun, whatever is there: the
 * next waits behind other peers'. */
static void
resume(struct link *l)
{
    struct http *h = of_link(l);
    if ((h->state == HTTP_REPLYING || h->state == HTTP_ENDING) && link_is_pushed(l))
        finish(h);
    if (has_waiting(h))
        process(h);
    if (h->state == HTTP_BODY)
        process(h);
}

static void
on_input(struct link *l, struct slice bytes)
{
    struct http *h = of_link(l);
    switch (h->state) {
    case HTTP_IDLE:
        if (l->in.len)
            link_keep(l, bytes);
        else if (read_head(h, bytes) == 0)
            buf_add(&l->in, bytes);
        return;
    case HTTP_HEAD:
    case HTTP_BODY:
        buf_add(&l->in, bytes);
        process(h);
        return;
    case HTTP_WAITING:
    case HTTP_SENDING:
    case HTTP_REPLYING:
        link_keep(l, bytes);
        return;
    case HTTP_STREAMING:
    case HTTP_ENDING:
        link_close(l);
        return;
    }
}

/* The peer sends no more. Who still waits for a reply gets it. */
static void
on_peer_end(struct link *l)
{
    struct http *h = of_link(l);
    l->peer_ended = true;
    connection_watch_read(&l->connection, false);
    if (h->state == HTTP_HEAD || h->state == HTTP_BODY)
        process(h); /* what is here may be all of it */
    else if (h->state == HTTP_STREAMING || h->state == HTTP_ENDING ||
             (h->state == HTTP_IDLE && l->in.len == 0))
        link_close(l);
}

/* How long the peer may take for what it owes in this state; 0: it owes nothing. */
static uint64_t
patience(const struct http *h)
{
    const struct config *c = h->link.gw->config;
    switch (h->state) {
    case HTTP_IDLE:
        return c->keepalive_timeout_ms;
    case HTTP_HEAD:
        return c->head_timeout_ms;
    case HTTP_BODY:
        return c->body_timeout_ms;
    default:
        return 0;
    }
}

static void
on_flushed(struct link *l)
{
    struct http *h = of_link(l);
    link_set_timer(l, patience(h));
    if (h->state == HTTP_STREAMING || h->state == HTTP_SENDING)
        exchange_writable(&h->exchange);
    else if (l->peer_ended && (h->state == HTTP_HEAD || h->state == HTTP_BODY))
        link_close(l);
    else
        link_ask_resume(l);
}

static void
on_timeout(struct link *l)
{
    struct http *h = of_link(l);
    switch (h->state) {
    case HTTP_HEAD:
        link_met(l, METRIC_head_timeout);
        http_request_refuse(h, 408, SLICE(""));
        return;
    case HTTP_BODY:
        link_met(l, METRIC_body_timeout);
        http_request_refuse(h, 408, SLICE("The body did not come in time.\n"));
        return;
    case HTTP_IDLE:
        link_met(l, METRIC_idle_timeout);
        link_close(l);
        return;
    case HTTP_WAITING:
    case HTTP_SENDING:
    case HTTP_REPLYING:
    case HTTP_STREAMING:
    case HTTP_ENDING:
        return; /* link waits for the peer there, and knows for how long */
    }
}

static void
on_drain(struct link *l)
{
    struct http *h = of_link(l);
    if (h->state == HTTP_BODY)
        process(h); /* what is here may be all of it */
    if (h->state == HTTP_BODY)
        refuse_body(h, 503);
    else if (h->state == HTTP_IDLE && l->in.len == 0)
        link_close(l);
}

static void
on_release(struct link *l)
{
    http_request_release(of_link(l));
}

static size_t
held(const struct link *l)
{
    const struct exchange *ex = &of_link(l)->exchange;
    return ex->arena.used + (ex->request ? ex->request->held : 0);
}

static void
begin(struct link *l)
{
    struct http *h = of_link(l);
    arena_init(&h->exchange.arena, EXCHANGE_ARENA_BYTES);
    h->exchange.wire = &http_request_wire;
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
    .framing = &http_request_framing,
};
