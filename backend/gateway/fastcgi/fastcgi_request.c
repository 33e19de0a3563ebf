/* fastcgi_request - its states, the calls of its handler, its body.
 *
 *     PARAMS -> (BODY ->) WAITING -> (SENDING ->) REPLYING -> END_REQUEST
 *                         WAITING -> STREAMING -> ENDING -> END_REQUEST
 *
 * What one gets wrong: nothing of the handler may be called from inside an exchange_ function.
 * So these only change the state and ask for resume(), which runs at the end of the turn. */

#include "gateway/fastcgi/fastcgi_request.h"

#include "base/alloc.h"
#include "base/log.h"
#include "gateway/fastcgi/authorization_hint.h"
#include "gateway/fastcgi/fastcgi_state.h"
#include "gateway/fastcgi/framing.h"
#include "gateway/fastcgi/params.h"
#include "gateway/fastcgi/record.h"
#include "gateway/headers.h"
#include "gateway/refusal.h"
#include "request/status.h"
#include "transport/update.h"

#include <fastcgi.h>
#include <stdlib.h>

/* What only a request needs that is being read. */
struct input {
    struct buf params;
    struct body body;
};

static struct fastcgi_request *
of_exchange(const struct exchange *ex)
{
    return CONTAINER_OF(ex, struct fastcgi_request, exchange);
}

static void
set_state(struct fastcgi_request *r, enum fastcgi_state to)
{
    state_move(&fastcgi_machine, &r->state, to, r->exchange.id);
}

static struct link *
link_of(const struct exchange *ex)
{
    return of_exchange(ex)->all->link;
}

static void
push(struct fastcgi_requests *all, struct buf *b)
{
    if (all->multicast)
        multicast_flush(all->multicast);
    if (b->failed)
        link_die(all->link);
    else
        link_push(all->link, buf_slice(b));
    buf_fini(b);
}

static void
add_text(const struct fastcgi_request *r, struct buf *b, struct slice text)
{
    size_t opened = record_open(b);
    buf_add(b, text);
    record_close(b, opened, FCGI_STDOUT, r->id);
}

static void
add_end(const struct fastcgi_request *r, struct buf *b)
{
    record_add_empty(b, FCGI_STDOUT, r->id);
    record_add_end(b, r->id, FCGI_REQUEST_COMPLETE);
}

/* `text`, then what ends the request. */
static void
push_end(struct fastcgi_request *r, struct slice text)
{
    struct buf b;
    buf_init(&b, SIZE_MAX);
    add_text(r, &b, text);
    add_end(r, &b);
    push(r->all, &b);
}

static void
drop_input(struct fastcgi_request *r)
{
    arena_fini(&r->exchange.arena);
    r->exchange.request = NULL;
    if (r->input == NULL)
        return;
    buf_fini(&r->input->params);
    body_fini(&r->input->body, r->all->link->gw);
    free(r->input);
    r->input = NULL;
}

/* --- the calls of the handler ---------------------------------------------------------------- */

static void
add_head(struct buf *b, const struct reply *r)
{
    struct slice reason = status_reason(r->status);
    buf_addf(b, "Status: %u " SLICE_FMT "\r\n", r->status, SLICE_ARG(reason));
    headers_add_all(b, r);
}

/* Bytes of a reply, and its end where that is all of it. */
static void
push_reply(struct fastcgi_request *r, struct buf *b)
{
    bool has_rest = r->exchange.request && r->exchange.request->rest;
    if (!has_rest) {
        add_end(r, b);
        set_state(r, STATE_REPLYING);
    } else if (r->state != STATE_SENDING) {
        set_state(r, STATE_SENDING);
        link_tune_for_streaming(r->all->link);
    }
    push(r->all, b);
    link_ask_resume(r->all->link);
}

static void
on_wire_reply(struct exchange *ex, const struct reply *reply)
{
    struct fastcgi_request *r = of_exchange(ex);
    struct buf b;
    if (r->state == STATE_ENDING)
        return; /* aborted meanwhile */
    if (link_is_stopping(link_of(ex)))
        r->all->keep = false;
    if (reply->status == 401 && ex->request)
        authorization_hint(ex, &r->input->params);
    buf_init(&b, SIZE_MAX);
    size_t opened = record_open(&b);
    add_head(&b, reply);
    bool is_head = ex->request && slice_eq(ex->request->method, SLICE("HEAD"));
    if (reply_has_length(reply, is_head))
        headers_add_number(&b, SLICE("Content-Length"), reply->body.len + reply->rest);
    buf_add(&b, SLICE("\r\n"));
    if (!is_head)
        buf_add(&b, reply->body);
    record_close(&b, opened, FCGI_STDOUT, r->id);
    r->deadline_ms = 0;
    r->streamed = reply->is_stream;
    push_reply(r, &b);
}

static void
on_wire_add(struct exchange *ex, struct slice piece)
{
    struct fastcgi_request *r = of_exchange(ex);
    struct buf b;
    if (r->state != STATE_SENDING)
        return; /* aborted meanwhile */
    buf_init(&b, SIZE_MAX);
    add_text(r, &b, piece);
    push_reply(r, &b);
}

static void
on_wire_cut(struct exchange *ex)
{
    link_die(link_of(ex));
}

static void
on_wire_read_body(struct exchange *ex, size_t max)
{
    struct fastcgi_request *r = of_exchange(ex);
    if (r->state == STATE_ENDING)
        return;
    set_state(r, STATE_BODY);
    body_init(&r->input->body, max, ex->request->share);
    r->asked_body = true;
    r->deadline_ms = fastcgi_requests_now_ms(r->all) + link_of(ex)->gw->config->body_timeout_ms;
    link_ask_resume(link_of(ex));
}

static void
on_wire_wait(struct exchange *ex)
{
    struct fastcgi_request *r = of_exchange(ex);
    if (r->state == STATE_ENDING)
        return;
    set_state(r, STATE_WAITING);
    r->deadline_ms = 0;
}

static void
move_to(struct list *list, struct fastcgi_request *r)
{
    list_unlink(&r->node);
    list_append(list, &r->node);
}

static void
on_wire_stream(struct exchange *ex, const struct reply *reply, struct slice first)
{
    struct fastcgi_request *r = of_exchange(ex);
    struct buf b;
    if (r->state == STATE_ENDING)
        return;
    buf_init(&b, SIZE_MAX);
    if (ex->is_multicast && !r->paused)
        multicast_add_place(r->all->multicast, r->id, reply->at, reply->is_live, &b);
    r->is_covered = ex->is_multicast && reply->is_live && !r->paused;
    if (ex->is_multicast) {
        r->all->multicast->uncovered |= !r->is_covered;
        r->all->multicast->resumes |= r->resumes;
    }
    size_t opened = record_open(&b);
    add_head(&b, reply);
    buf_add(&b, SLICE("\r\n"));
    buf_add(&b, first);
    record_close(&b, opened, FCGI_STDOUT, r->id);
    set_state(r, STATE_STREAMING);
    r->streamed = true;
    move_to(&r->all->streams, r);
    r->deadline_ms = 0;
    link_tune_for_streaming(link_of(ex));
    push(r->all, &b);
    drop_input(r);
    link_ask_resume(link_of(ex));
}

/* False: it is not the event that was torn, and the stream is given up. */
static bool
finish_torn(struct fastcgi_request *r, const struct update *u)
{
    if (position_cmp(u->position, r->torn_at) == 0 && r->torn_offset <= u->event.len) {
        multicast_finish(r->all->multicast, r->id, u, r->torn_offset);
        r->is_torn = false;
    } else {
        fastcgi_request_give_up(r);
    }
    return !r->is_torn;
}

static size_t
send_multicast(struct fastcgi_request *r, struct update *const *updates, size_t count)
{
    size_t begun = 0;
    if (r->paused || (r->is_torn && !multicast_has_place(r->all->multicast)))
        return 0;
    if (r->is_torn && !finish_torn(r, updates[begun++]))
        return 0;
    return begun + multicast_send(r->all->multicast, r->id, updates + begun, count - begun);
}

static size_t
on_wire_send(struct exchange *ex, struct update *const *updates, size_t count)
{
    struct fastcgi_request *r = of_exchange(ex);
    if (r->state != STATE_STREAMING)
        return 0;
    if (ex->is_multicast)
        return send_multicast(r, updates, count);
    size_t begun = link_send(link_of(ex), updates, count, r->id);
    if (begun) /* when the socket is full and then is not, others come first */
        move_to(&r->all->streams, r);
    return begun;
}

static bool
on_wire_is_flushed(const struct exchange *ex)
{
    const struct fastcgi_request *r = of_exchange(ex);
    if (ex->is_multicast && r->state == STATE_STREAMING)
        return !r->paused && !r->all->multicast->full;
    return link_is_flushed(link_of(ex));
}

static bool
on_wire_send_text(struct exchange *ex, struct slice text)
{
    struct fastcgi_request *r = of_exchange(ex);
    struct buf b;
    if (r->state != STATE_STREAMING || link_of(ex)->dead)
        return false;
    if (ex->is_multicast)
        return !r->paused && !r->is_torn && multicast_send_text(r->all->multicast, r->id, text);
    if (!link_is_flushed(link_of(ex)))
        return false;
    buf_init(&b, SIZE_MAX);
    add_text(r, &b, text);
    push(r->all, &b);
    return true;
}

static void
begin_ending(struct fastcgi_request *r, struct slice last)
{
    set_state(r, STATE_ENDING);
    move_to(&r->all->busy, r);
    r->deadline_ms = 0;
    push_end(r, last);
    link_ask_resume(r->all->link);
}

static void
on_wire_end(struct exchange *ex, struct slice last)
{
    struct fastcgi_request *r = of_exchange(ex);
    if (r->state != STATE_STREAMING)
        return;
    if (link_is_stopping(link_of(ex)))
        r->all->keep = false;
    /* Into an event of which the client has a part nothing is written. */
    begin_ending(r, r->paused || r->is_torn ? SLICE("") : last);
}

void
fastcgi_request_give_up(struct fastcgi_request *r)
{
    begin_ending(r, SLICE(""));
}

static bool
on_wire_part(struct exchange *ex)
{
    struct fastcgi_request *r = of_exchange(ex);
    if (!ex->is_multicast)
        return false;
    r->parted = true;
    r->all->multicast->parting = true;
    link_ask_resume(link_of(ex));
    return true;
}

/* Ended by the peer. */
void
fastcgi_request_abort(struct fastcgi_request *r)
{
    if (r->state != STATE_REPLYING && r->state != STATE_ENDING)
        begin_ending(r, SLICE(""));
}

static const struct exchange_wire wire = {
    .name = "fastcgi",
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
    .part = on_wire_part,
};

static void
refuse(struct fastcgi_request *r, unsigned status, struct slice sentence)
{
    struct refusal f;
    on_wire_reply(&r->exchange, refusal_make(&f, &r->exchange, status, sentence));
}

static void
begin_handler(struct fastcgi_request *r)
{
    struct exchange *ex = &r->exchange;
    ex->request = arena_alloc(&ex->arena, sizeof *ex->request);
    ENSURE(ex->request != NULL); /* the first thing in it */
    unsigned refused = params_read(&r->input->params, &ex->arena, ex->request);
    if (refused) {
        metrics_count(METRIC_requests_bad);
        refuse(r, refused, SLICE(""));
        return;
    }
    if (!ex->is_multicast)
        ex->request->ticket = SLICE("");
    r->active = true;
    ex->state = NULL;
    ex->handler = r->all->link->door->route(ex);
    ex->handler->on_head(ex);
}

void
fastcgi_request_params(struct fastcgi_request *r, struct slice content, bool end)
{
    if (r->state != STATE_PARAMS)
        return; /* refused already */
    buf_add(&r->input->params, content);
    if (r->input->params.failed) {
        link_met(r->all->link, METRIC_max_request_head);
        refuse(r, 431, SLICE(""));
    } else if (end) {
        r->deadline_ms = 0;
        begin_handler(r);
    }
}

/* STDIN may hold more than was announced (Caddy says -1, some say 0), but less is a body whose
 * rest did not get here, as when a client leaves while it sends. */
static void
refuse_cut_body(struct fastcgi_request *r)
{
    metrics_count(METRIC_requests_bad);
    refuse(r, 400, SLICE("The body is shorter than announced.\n"));
}

static void
refuse_body(struct fastcgi_request *r, unsigned status)
{
    struct exchange *ex = &r->exchange;
    body_fini(&r->input->body, r->all->link->gw);
    set_state(r, STATE_WAITING);
    r->deadline_ms = 0;
    exchange_body_refused(ex, status);
}

static void
judge_body(struct fastcgi_request *r)
{
    struct exchange *ex = &r->exchange;
    unsigned refused = body_judge(&r->input->body, r->all->link->gw);
    if (refused) {
        refuse_body(r, refused);
    } else if (r->stdin_done && r->input->body.bytes.len < ex->request->told_length) {
        refuse_cut_body(r);
    } else if (r->stdin_done) {
        set_state(r, STATE_WAITING);
        r->deadline_ms = 0;
        ex->request->body = buf_slice(&r->input->body.bytes);
        exchange_body(ex);
    }
}

void
fastcgi_request_stdin(struct fastcgi_request *r, struct slice content, bool end)
{
    r->stdin_done |= end;
    if (r->state != STATE_BODY)
        return; /* nobody wants it */
    buf_add(&r->input->body.bytes, content);
    judge_body(r);
}

void
fastcgi_request_init(struct fastcgi_request *r, struct fastcgi_requests *all, uint16_t id)
{
    const struct config *c = all->link->gw->config;
    *r = (struct fastcgi_request){.all = all, .id = id, .input = xalloc(sizeof *r->input)};
    list_init(&r->node);
    buf_init(&r->input->params, c->max_request_head);
    body_init(&r->input->body, 0, (struct body_share){0});
    arena_init(&r->exchange.arena, EXCHANGE_ARENA_BYTES);
    r->exchange.wire = &wire;
    r->exchange.is_multicast = all->multicast != NULL;
    r->exchange.worker = all->link->connection.worker;
    r->exchange.id = all->link->connection.id;
    set_state(r, STATE_PARAMS);
    r->deadline_ms = fastcgi_requests_now_ms(all) + c->head_timeout_ms;
}

void
fastcgi_request_fini(struct fastcgi_request *r)
{
    if (r->active) {
        r->active = false;
        exchange_gone(&r->exchange);
    }
    drop_input(r);
}

bool
fastcgi_request_wants_params(const struct fastcgi_request *r)
{
    return r->state == STATE_PARAMS;
}

bool
fastcgi_request_is_open(const struct fastcgi_request *r)
{
    return r->state != STATE_SENDING && r->state != STATE_REPLYING && r->state != STATE_ENDING;
}

bool
fastcgi_request_streams(const struct fastcgi_request *r)
{
    return r->state == STATE_STREAMING;
}

bool
fastcgi_request_may_want_body(const struct fastcgi_request *r)
{
    return r->state == STATE_WAITING && !r->asked_body;
}

bool
fastcgi_request_is_answered(const struct fastcgi_request *r)
{
    return r->state == STATE_REPLYING || r->state == STATE_ENDING;
}

void
fastcgi_request_resume(struct fastcgi_request *r)
{
    if (r->state == STATE_BODY && r->stdin_done)
        judge_body(r);
}

void
fastcgi_request_writable(struct fastcgi_request *r)
{
    if (r->state == STATE_SENDING)
        exchange_writable(&r->exchange);
}

void
fastcgi_request_refuse_late(struct fastcgi_request *r)
{
    link_met(r->all->link, r->state == STATE_BODY ? METRIC_body_timeout : METRIC_head_timeout);
    r->all->keep = false;
    refuse(r, 408, SLICE(""));
}

void
fastcgi_request_drain(struct fastcgi_request *r)
{
    if (r->state == STATE_BODY)
        judge_body(r); /* what is here may be all of it */
    if (r->state == STATE_BODY)
        refuse_body(r, 503);
    if (r->state == STATE_PARAMS)
        (void)on_wire_part(&r->exchange); /* the rest of it is not read */
}

size_t
fastcgi_request_held(const struct fastcgi_request *r)
{
    return r->exchange.arena.used + (r->input ? r->input->params.cap : 0) +
           (r->exchange.request ? r->exchange.request->held : 0);
}
