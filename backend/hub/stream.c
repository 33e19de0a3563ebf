/* stream - one open event stream, in the order of its life.
 *
 *     stream_begin -> BEGINNING (active subscriptions are on) -> LOOKING (a cursor)
 *                  -> CATCHING_UP <-> LIVE -> ENDING -> stream_gone
 *
 * With active subscriptions it has a head only when its begins are committed, so that a collection
 * asked for then has them; and it starts just before them, so that it misses nothing behind.
 *
 * What it is sent comes from elsewhere: while it is CATCHING_UP, stint by stint (hub/catch_up.h);
 * while it is LIVE, batch by batch (hub/delivery.h).
 *
 * Who is where: `node` in home->streams always; `catch_node` among those that catch up
 * (hub/catch_up_queue.h), or alone while it is blocked, while its read is under way, or LIVE. */

#include "hub/stream.h"

#include "base/alloc.h"
#include "base/cidr.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/state.h"
#include "hub/busy.h"
#include "hub/catch_up_queue.h"
#include "hub/lookup.h"
#include "hub/reading.h"
#include "hub/stream_cursor.h"
#include "hub/trace.h"
#include "hub/walk.h"
#include "hub/watch.h"
#include "metrics/metrics.h"
#include "request/hub_url.h"
#include "request/reply.h"

#include <stdlib.h>
#include <string.h>

static const char *const state_names[] = {
#define X(name) #name,
    STREAM_STATES(X)
#undef X
};

#define FROM(state) STATE_BIT(STREAM_##state)
static const struct machine machine = {
    .event = "stream_state",
    .names = state_names,
    .from =
        (const uint32_t[]){
            [STREAM_BEGINNING] = FROM(NEW),
            [STREAM_LOOKING] = FROM(NEW) | FROM(BEGINNING),
            [STREAM_CATCHING_UP] = FROM(NEW) | FROM(BEGINNING) | FROM(LOOKING) | FROM(LIVE),
            [STREAM_LIVE] = FROM(NEW) | FROM(BEGINNING) | FROM(CATCHING_UP),
            [STREAM_ENDING] = FROM(BEGINNING) | FROM(LOOKING) | FROM(CATCHING_UP) | FROM(LIVE),
            [STREAM_GONE] =
                FROM(BEGINNING) | FROM(LOOKING) | FROM(CATCHING_UP) | FROM(LIVE) | FROM(ENDING),
        },
};

static void on_found(void *owner, const struct transport_find *);
static void on_timer(struct timer *);
static void arm_timer(struct stream *);
static void send_head(struct stream *, struct slice cursor, bool is_live);
static void catch_up(struct stream *);
static void end(struct stream *, const char *why);

void
stream_move(struct stream *s, enum stream_state to)
{
    if (s->state == STREAM_CATCHING_UP)
        metrics_sub(METRIC_streams_catching_up, 1);
    state_move(&machine, &s->state, to, s->exchange->id);
    if (to == STREAM_CATCHING_UP)
        metrics_add(METRIC_streams_catching_up, 1);
}

/* --- lines ------------------------------------------------------------------------------------ */

static bool
is_traced(const struct stream *s)
{
    return log_wants(LOG_DEBUG) || watch_is_on(s->home);
}

/* To the log, and to who traces a topic for which it asks. */
static void
tell(const struct stream *s, const char *event, struct buf *line)
{
    const struct replay_matchers m = stream_matchers(s);
    log_line(LOG_DEBUG, event, SLICE_FMT, SLICE_ARG(buf_slice(line)));
    watch_stream(s->home, &m, event, buf_slice(line));
    buf_fini(line);
}

static void
trace_begin(const struct stream *s, const struct subscribe_form *q)
{
    struct buf line;
    buf_init(&line, TRACE_LINE_BYTES);
    trace_stream_begin(&line, s->exchange, s->grant, q);
    tell(s, "stream_begin", &line);
}

static void
trace_end(const struct stream *s, bool by_hub)
{
    struct buf line;
    uint32_t now_s = (uint32_t)(worker_now_ms(s->home->worker) / 1000);
    buf_init(&line, TRACE_LINE_BYTES);
    trace_stream_end(&line, s->exchange->id, state_names[s->state], by_hub, now_s - s->begun_s,
                     s->sent);
    tell(s, "stream_end", &line);
}

/* --- begin ------------------------------------------------------------------------------------ */

/* The index knows one `*`, whatever its type; to others that are told of it they are two. */
static bool
is_another(const struct subscribe_form *q, size_t kept, const struct selector *one)
{
    if (!slice_eq(one->text, SLICE("*")))
        return false;
    for (size_t i = 0; i < kept; i++)
        if (q->selectors[i].type == one->type && slice_eq(q->selectors[i].text, one->text))
            return false;
    return true;
}

static enum index_answer
subscribe(struct stream *s, struct subscribe_form *q, struct error *err)
{
    struct index *ix = &s->home->index;
    size_t count = q->count;
    q->count = 0;
    for (size_t i = 0; i < count; i++) {
        const struct selector selector = q->selectors[i];
        struct subscription *sub = &s->subscriptions[s->subscription_count];
        enum index_answer answer = index_add(ix, sub, s, &selector, err);
        if (answer != INDEX_ADDED && answer != INDEX_TWICE)
            return answer;
        if (answer == INDEX_ADDED || is_another(q, q->count, &selector))
            q->selectors[q->count++] = selector;
        if (answer == INDEX_TWICE)
            continue;
        s->subscription_count++;
        s->has_everything |= sub->entry == &ix->everything;
        s->exact_count += !index_is_pattern(&selector);
    }
    return INDEX_ADDED;
}

static void
unsubscribe(struct stream *s)
{
    while (s->subscription_count)
        index_remove(&s->home->index, &s->subscriptions[--s->subscription_count]);
}

static void
set_end(struct stream *s)
{
    const struct config *c = s->home->rules->config;
    uint64_t spread = c->write_timeout_ms / 5 + 1;
    if (c->write_timeout_ms)
        s->ends_ms = worker_now_ms(s->home->worker) + c->write_timeout_ms -
                     id_random(worker_ids(s->home->worker)) % spread;
}

/* Everything but its subscriptions, which it has. */
static void
settle(struct stream *s, struct exchange *ex, struct grant *grant, uint64_t address_key)
{
    struct hub_worker *home = s->home;
    s->exchange = ex;
    s->grant = grant;
    s->address_key = address_key;
    s->audience_follows = hub_url_audience_follows(ex->config);
    s->is_browser = stream_cursor_is_for_browser(ex->request);
    s->was_there = ex->request->ticket.len > 0;
    s->first_due = s->last_due = DUE_NONE;
    s->position = home->taken;
    s->serial = ++home->streams_begun;
    if (!cidr_read_address(ex->request->address, s->address))
        memset(s->address, 0, sizeof s->address);
    s->begun_s = (uint32_t)(worker_now_ms(home->worker) / 1000);
    s->begun_in = home->batches;
    list_init(&s->catch_node);
    timer_init(&s->timer, on_timer);
    set_end(s);
    if (list_is_empty(&home->streams))
        worker_set_drowsy(home->worker, false);
    list_append(&home->streams, &s->node);
    ex->state = s;
}

/* It is where it begins, unless its cursor says otherwise. */
static void
start(struct stream *s, const struct cursor *cursor)
{
    if (cursor->id.len && !cursor->is_earliest) {
        if (s->state == STREAM_NEW)
            exchange_wait(s->exchange);
        stream_move(s, STREAM_LOOKING);
        s->lookup = lookup_begin(s->home, cursor->id, on_found, s);
        return;
    }
    s->from_removed = s->takes_what_is_left = cursor->is_earliest;
    /* Its begins are mostly still to come to its worker, with all that stands behind them. */
    bool is_live = !cursor->is_earliest && position_cmp(s->position, s->home->taken) >= 0;
    send_head(s, cursor_at_once(cursor), is_live);
    if (is_live)
        stream_move(s, STREAM_LIVE);
    else
        catch_up(s);
}

static void
on_begun(void *owner, const struct cursor *cursor, const struct transport_publish *begin)
{
    struct stream *s = owner;
    if (s->state != STREAM_BEGINNING)
        return; /* it was ended meanwhile, and its peer has not read the answer */
    if (begin->outcome != PUBLISH_COMMITTED) {
        end(s, begin->outcome == PUBLISH_STOPPED ? "stopping" : "history_unwritable");
        return;
    }
    s->position = begin->before;
    s->begun_in = s->home->batches;
    start(s, cursor);
}

static void
begin_presence(struct stream *s, const struct subscribe_form *q)
{
    stream_move(s, STREAM_BEGINNING);
    s->presence = presence_begin(s->home, s->exchange, s->grant, q, on_begun, s);
    if (s->presence) {
        exchange_wait(s->exchange);
        return;
    }
    metrics_bound_met(METRIC_subscriptions, s->exchange->id);
    end(s, metrics_name(METRIC_subscriptions));
}

enum index_answer
stream_begin(struct hub_worker *home, struct exchange *ex, struct grant *grant,
             struct subscribe_form *q, uint64_t address_key, struct error *err)
{
    struct stream *s = xalloc(sizeof *s + q->count * sizeof s->subscriptions[0]);
    s->home = home;
    enum index_answer answer = subscribe(s, q, err);
    if (answer != INDEX_ADDED) {
        unsubscribe(s);
        free(s);
        return answer;
    }
    settle(s, ex, grant, address_key);
    s->dialect = q->cursor.dialect;
    if (is_traced(s))
        trace_begin(s, q);
    if (home->departures && s->was_there)
        s->presence = presence_go_on(home, ex, grant, q);
    if (home->departures && s->presence == NULL)
        begin_presence(s, q);
    else
        start(s, &q->cursor);
    return INDEX_ADDED;
}

bool
stream_wants_presence(const struct stream *s)
{
    bool may = false;
    for (uint32_t i = 0; s->grant && s->presence && !may && i < s->subscription_count; i++)
        may = walk_may_meet_below(&s->subscriptions[i], &s->home->hub->subscriptions);
    return may;
}

/* --- head ------------------------------------------------------------------------------------- */

static void
on_found(void *owner, const struct transport_find *find)
{
    struct stream *s = owner;
    s->lookup = NULL;
    if (find->failed) {
        end(s, "history_unreadable"); /* the cursor stands: it is asked with again */
        return;
    }
    if (log_wants(LOG_DEBUG))
        trace_stream_cursor(s->exchange->id, find->found);
    /* An unknown id replays nothing: the stream begins at what its worker has taken, or just before
     * what it began itself. */
    if (find->found)
        s->position = find->position;
    else if (s->presence == NULL)
        s->position = s->home->taken;
    s->begun_in = s->home->batches;
    /* Of what it wants something is gone: it is told, and has what is left all the same, for a page
     * that reads no headers would lose that as well. */
    s->takes_what_is_left = find->found && find->is_lacking && stream_wants_presence(s);
    send_head(s, find->found && !s->takes_what_is_left ? find->id : SLICE("earliest"), false);
    catch_up(s);
}

/* All up to here it was sent, or judged not to get. NULL: it does not stand anywhere yet. */
static const struct position *
reached(const struct stream *s)
{
    const struct position *delivered = &s->home->delivered;
    if (s->from_removed)
        return NULL;
    return s->state == STREAM_LIVE && position_cmp(*delivered, s->position) > 0 ? delivered
                                                                                : &s->position;
}

static void
send_head(struct stream *s, struct slice cursor, bool is_live)
{
    struct exchange *ex = s->exchange;
    struct reply r;
    char text[STREAM_CURSOR_ROOM], ticket[PRESENCE_TICKET + 1];
    const struct position *at = reached(s);
    reply_stream_head(ex, &r);
    r.is_live = is_live;
    r.at = at ? *at : (struct position){0};
    if (cursor.ptr)
        reply_add(&r, cursor_header((enum dialect)s->dialect), cursor);
    if (ex->is_multicast)
        reply_add(&r, SLICE("Alipes-Ticket"), presence_ticket(s->presence, s->home, ticket));
    /* Who was there has had its first bytes. */
    exchange_stream(
        ex, &r, s->was_there ? SLICE("") : stream_cursor_begin(s->home, at, s->is_browser, text));
    s->has_head = true;
    s->last_sent_ms = worker_now_ms(s->home->worker);
    metrics_count(s->was_there ? METRIC_streams_reattached : METRIC_streams_opened);
    metrics_add(METRIC_streams, 1);
    arm_timer(s);
}

static void
catch_up(struct stream *s)
{
    stream_move(s, STREAM_CATCHING_UP);
    catch_up_queue_add(s->home->catching_up, &s->catch_node);
}

/* --- live ------------------------------------------------------------------------------------- */

/* When it ends by itself, as the wall clock is now: a token's exp goes by that one, and it may be
 * set. Monotonic; 0: never. */
static uint64_t
end_of(const struct stream *s)
{
    if (s->grant == NULL || !s->grant->has_exp)
        return s->ends_ms;
    double left = s->grant->exp * 1000.0 - (double)clock_wall_ms(), most = 365.0 * 86400 * 1000;
    uint64_t at = worker_now_ms(s->home->worker);
    if (left > 0)
        at += left > most ? (uint64_t)most : (uint64_t)left + 1;
    return s->ends_ms && s->ends_ms < at ? s->ends_ms : at;
}

static void
arm_timer(struct stream *s)
{
    uint64_t now = worker_now_ms(s->home->worker);
    uint64_t heartbeat = s->home->rules->config->heartbeat_ms, due = end_of(s);
    if (heartbeat && (due == 0 || s->last_sent_ms + heartbeat < due))
        due = s->last_sent_ms + heartbeat;
    timer_disarm(&s->timer);
    if (due)
        timer_arm(worker_timers(s->home->worker), &s->timer, due > now ? due - now : 1);
}

/* Lazy: a delivery only notes its time, so the timer may find that it is not due at all. */
static void
on_timer(struct timer *t)
{
    struct stream *s = CONTAINER_OF(t, struct stream, timer);
    uint64_t now = worker_now_ms(s->home->worker);
    uint64_t heartbeat = s->home->rules->config->heartbeat_ms, end = end_of(s);
    if (end && now >= end) {
        stream_end(s);
        return;
    }
    if (heartbeat && now >= s->last_sent_ms + heartbeat) {
        exchange_send_text(s->exchange, SLICE(":\n"));
        s->last_sent_ms = now; /* where output is pending, that serves as well */
    }
    arm_timer(s);
}

void
stream_retime(struct stream *s)
{
    if (s->state == STREAM_CATCHING_UP || s->state == STREAM_LIVE)
        arm_timer(s);
}

/* --- end -------------------------------------------------------------------------------------- */

/* Nothing that the transport was asked for is waited for any more. */
static void
stop_waiting(struct stream *s)
{
    list_unlink(&s->catch_node);
    if (s->has_head)
        reading_forget(&s->reading);
    else
        lookup_forget(&s->lookup);
}

/* `why`: for the developer tools of a client that has no head yet. */
static void
end(struct stream *s, const char *why)
{
    char text[STREAM_CURSOR_ROOM];
    if (s->state == STREAM_ENDING)
        return;
    struct slice last = stream_cursor_end(s->home, reached(s), s->is_browser, text);
    stream_move(s, STREAM_ENDING);
    timer_disarm(&s->timer);
    stop_waiting(s);
    if (!s->has_head) {
        busy_answer(s->exchange, why, SLICE("The subscription cannot be served at the moment.\n"));
        return;
    }
    exchange_end(s->exchange, last);
}

void
stream_end(struct stream *s)
{
    end(s, atomic_load(&s->home->hub->stopping) ? "stopping" : "not_now");
}

void
stream_stop(struct stream *s)
{
    if (s->state == STREAM_ENDING || !exchange_part(s->exchange))
        stream_end(s);
}

bool
stream_is_at(const struct stream *s, struct position at)
{
    return s->state == STREAM_LIVE && position_cmp(s->position, at) <= 0;
}

/* --- gone ------------------------------------------------------------------------------------- */

const char *
stream_state_name(const struct stream *s)
{
    return state_names[s->state];
}

void
stream_look_begin(struct hub_worker *home, struct stream_look *look)
{
    look->next = home->streams.next;
    list_append(&home->looks, &look->node);
}

struct stream *
stream_look_next(struct hub_worker *home, struct stream_look *look)
{
    if (look->next == &home->streams)
        return NULL;
    struct stream *s = CONTAINER_OF(look->next, struct stream, node);
    look->next = look->next->next;
    return s;
}

static void
let_looks_pass(const struct stream *s)
{
    LIST_EACH(node, after, &s->home->looks)
    {
        struct stream_look *look = CONTAINER_OF(node, struct stream_look, node);
        if (look->next == &s->node)
            look->next = s->node.next;
    }
}

void
stream_gone(struct stream *s)
{
    struct worker *worker = s->home->worker;
    /* Else the hub has ended it, and told when to return; or its front has it still. */
    bool left = s->state != STREAM_ENDING && !s->exchange->may_return;
    if (is_traced(s))
        trace_end(s, !left);
    stream_move(s, STREAM_GONE);
    if (s->has_head) {
        metrics_count(METRIC_streams_closed);
        metrics_sub(METRIC_streams, 1);
    }
    timer_disarm(&s->timer);
    unsubscribe(s);
    let_looks_pass(s);
    list_unlink(&s->node);
    if (list_is_empty(&s->home->streams))
        worker_set_drowsy(worker, true);
    stop_waiting(s);
    presence_end(&s->presence, s->home, left ? DEPARTURE_CLOSE : DEPARTURE_RETURN);
    grant_unref(&s->grant);
    free(s);
}
