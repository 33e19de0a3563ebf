/* stream - one open event stream: from its cursor to LIVE, back when its socket is full, and out.
 *
 *     stream_begin -> LOOKING (a cursor) -> CATCHING_UP <-> LIVE -> ENDING -> stream_gone
 *
 * CATCHING_UP reads one source at a time: history (asynchronous pieces), then the worker's tail,
 * and becomes LIVE on this thread when its position is not behind `taken` and its socket has
 * nothing left to write. Everything it is sent comes from a committed batch.
 *
 * Who is where: `node` in home->streams always; `catch_node` in home->catching_up while it can go
 * on, in home->hungry while it waits for a read to be free, in neither while it is blocked, while
 * its read is under way, or LIVE. */

#include "hub/stream.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "hub/admit.h"
#include "hub/lookup.h"
#include "hub/trace.h"
#include "metrics/metrics.h"
#include "request/hub_url.h"
#include "request/reply.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    TURN_BYTES = 256 * 1024, /* what all streams that catch up may send in a turn (about 1 ms) */
    TURN_STEPS = 256,
    STEP_BYTES = 64 * 1024, /* what one of them may, before the next has its step */
    STEP_LOOKS = 1024,      /* updates looked at in a step, sent or not */
    STEP_SENDS = 64,
    LOOK_COST = 16,        /* bytes of the turn that a look stands for */
    STEP_MATCHING = 20000, /* steps of matching (topic/match.h), some 0.2 ms */
    MATCHING_COST = 4,     /* bytes of the turn that one of these stands for */
    MAX_READS = 64,        /* requests under way and pieces held, a worker */
};

/* A stream's reads of the history; outlives it while one is under way. */
struct reading {
    struct stream *stream; /* NULL: the stream has gone; the answer frees this */
    bool underway;
    struct transport_read read;
    struct batch *piece; /* owns; the answer being worked off */
};

static const char *const state_names[] = {
#define X(name) #name,
    STREAM_STATES(X)
#undef X
};

static void on_timer(struct timer *);

static void
set_state(struct stream *s, enum stream_state to)
{
    static const unsigned allowed[] = {
        [STREAM_LOOKING] = 1u << STREAM_CATCHING_UP | 1u << STREAM_ENDING,
        [STREAM_CATCHING_UP] = 1u << STREAM_LIVE | 1u << STREAM_ENDING,
        [STREAM_LIVE] = 1u << STREAM_CATCHING_UP | 1u << STREAM_ENDING,
    };
    ENSURE(allowed[s->state] & 1u << to);
    if (log_wants(LOG_DEBUG))
        log_line(LOG_DEBUG, "stream_state", "conn=%llu from=%s to=%s",
                 (unsigned long long)s->exchange->id, state_names[s->state], state_names[to]);
    if (s->state == STREAM_CATCHING_UP)
        metrics_sub(METRIC_streams_catching_up, 1);
    if (to == STREAM_CATCHING_UP)
        metrics_add(METRIC_streams_catching_up, 1);
    s->state = to;
}

/* MATCH_LIMIT: the steps are spent in the middle of it; the next step of the stream goes on with
 * the rest, for its position stands before this update. */
static enum match
matches(struct stream *s, const struct update *u, uint64_t *steps)
{
    const struct replay_matchers m = {.all = s->subscriptions,
                                      .count = s->subscription_count,
                                      .exact = s->exact_count,
                                      .has_everything = s->has_everything,
                                      .grant = s->grant};
    return replay_match(&s->home->index, &m, u, &s->replay, steps);
}

/* What was begun about the update behind the position begins anew. */
static void
forget_place(struct stream *s)
{
    s->replay = (struct replay){0};
}

static void
drop_piece(struct stream *s)
{
    if (s->reading == NULL || s->reading->piece == NULL)
        return;
    batch_unref(&s->reading->piece);
    s->home->reads_underway--;
}

/* Puts a CATCHING_UP stream where its next step will be made. */
static void
make_runnable(struct stream *s)
{
    list_unlink(&s->catch_node);
    list_append(&s->home->catching_up, &s->catch_node);
    worker_again(s->home->worker);
}

/* Nothing that the transport was asked for is waited for any more. */
static void
release_reading(struct stream *s)
{
    if (!s->has_head) {
        lookup_forget(&s->lookup);
        return;
    }
    struct reading *r = s->reading;
    if (r == NULL)
        return;
    drop_piece(s);
    s->reading = NULL;
    r->stream = NULL;
    if (!r->underway)
        free(r);
}

static void
block(struct stream *s)
{
    drop_piece(s); /* a reader that is stuck holds nothing; it asks again */
    s->blocked = true;
    forget_place(s);
    list_unlink(&s->catch_node);
}

/* `why`: for the developer tools of a client that has no head yet. */
static void
end(struct stream *s, const char *why)
{
    if (s->state == STREAM_ENDING)
        return;
    set_state(s, STREAM_ENDING);
    timer_disarm(&s->timer);
    list_unlink(&s->catch_node);
    release_reading(s);
    if (!s->has_head) {
        admit_busy(s->exchange, why, SLICE("The subscription cannot be served at the moment.\n"));
        return;
    }
    char text[40];
    int n = snprintf(text, sizeof text, "retry: %u\n\n", hub_retry_ms(s->home));
    exchange_end(s->exchange, SLICE_OF(text, (size_t)n));
}

void
stream_end(struct stream *s)
{
    end(s, atomic_load(&s->home->hub->stopping) ? "stopping" : "not_now");
}

static void
end_as_gone(struct stream *s)
{
    static struct log_limit limit;
    uint64_t more;
    metrics_count(METRIC_streams_gone);
    if (log_allowed(&limit, &more))
        log_line(LOG_INFO, "stream_overtaken", "conn=%llu suppressed=%llu",
                 (unsigned long long)s->exchange->id, (unsigned long long)more);
    stream_end(s);
}

static void
go_live(struct stream *s)
{
    drop_piece(s);
    release_reading(s);
    list_unlink(&s->catch_node);
    forget_place(s);
    set_state(s, STREAM_LIVE);
}

void
stream_fall_back(struct stream *s, const struct batch *batch, uint32_t first)
{
    if (s->state != STREAM_LIVE)
        return;
    s->position = batch_before(batch, first);
    metrics_count(METRIC_fallbacks);
    set_state(s, STREAM_CATCHING_UP);
    block(s);
}

/* What one step of one stream gathers, and sends at once. */
struct gathering {
    struct update *updates[STEP_SENDS];
    struct position before[STEP_SENDS]; /* just before each */
    size_t count, bytes;
    uint32_t looked;
    uint64_t steps;          /* of matching, left */
    struct position reached; /* all up to here is judged */
};

static bool
is_full(const struct gathering *g)
{
    return g->count == STEP_SENDS || g->bytes >= STEP_BYTES || g->looked >= STEP_LOOKS ||
           g->steps == 0;
}

static void
gathering_begin(struct gathering *g, const struct stream *s)
{
    g->count = g->bytes = g->looked = 0;
    g->steps = STEP_MATCHING;
    g->reached = s->position;
}

/* Adds what matches of `source` behind what was reached, as far as a step goes. */
static void
gather(struct stream *s, const struct batch *source, struct gathering *g)
{
    uint32_t i = batch_index_after(source, g->reached);
    for (; i < source->count && !is_full(g); i++, g->looked++) {
        struct update *u = source->updates[i];
        enum match answer = matches(s, u, &g->steps);
        if (answer == MATCH_LIMIT)
            break;
        if (answer == MATCH_NO)
            continue;
        g->updates[g->count] = u;
        g->before[g->count++] = batch_before(source, i);
        g->bytes += u->frame.len;
    }
    g->reached = i == source->count ? source->upto : batch_before(source, i);
}

/* Returns what the step cost. */
static size_t
send_gathered(struct stream *s, const struct gathering *g)
{
    size_t begun = g->count ? exchange_send(s->exchange, g->updates, g->count) : 0;
    if (begun)
        s->last_sent_ms = worker_now_ms(s->home->worker);
    s->sent += (uint32_t)begun;
    metrics_add(METRIC_deliveries, begun);
    s->position = begun < g->count ? g->before[begun] : g->reached;
    if (begun < g->count)
        block(s);
    return g->bytes + g->looked * LOOK_COST + (STEP_MATCHING - g->steps) * MATCHING_COST;
}

static size_t
read_piece(struct stream *s, const struct batch *piece)
{
    struct gathering g;
    gathering_begin(&g, s);
    gather(s, piece, &g);
    return send_gathered(s, &g);
}

/* From the tail's batch of that number on: batches are small where updates come one by one. */
static size_t
read_tail(struct stream *s, uint32_t number)
{
    const struct tail *tail = &s->home->tail;
    struct gathering g;
    gathering_begin(&g, s);
    for (; number < tail->count && !is_full(&g); number++)
        gather(s, tail_at(tail, number), &g);
    return send_gathered(s, &g);
}

static void
on_read(struct worker *worker, struct message *m)
{
    (void)worker;
    struct reading *r = CONTAINER_OF(m, struct reading, read.message);
    struct stream *s = r->stream;
    struct hub_worker *home = hub_worker_of(worker);
    r->underway = false;
    struct batch *piece = r->read.piece;
    r->read.piece = NULL;
    if (s == NULL || r->read.gone || piece == NULL) {
        batch_unref(&piece);
        home->reads_underway--;
    }
    if (s == NULL) {
        free(r);
        return;
    }
    if (r->read.gone) {
        end_as_gone(s);
        return;
    }
    if (s->from_removed) {
        s->from_removed = false;
        s->position = r->read.after;
    }
    r->piece = piece;
    if (s->blocked)
        drop_piece(s);
    else
        make_runnable(s);
}

static struct reading *
reading_of(struct stream *s)
{
    if (s->reading == NULL) {
        s->reading = xalloc(sizeof *s->reading);
        s->reading->stream = s;
    }
    return s->reading;
}

static void
ask_history(struct stream *s)
{
    struct hub_worker *home = s->home;
    list_unlink(&s->catch_node);
    if (home->reads_underway >= MAX_READS) {
        list_append(&home->hungry, &s->catch_node);
        return;
    }
    struct reading *r = reading_of(s);
    ENSURE(!r->underway);
    home->reads_underway++;
    r->underway = true;
    r->read = (struct transport_read){.message.receive = on_read,
                                      .origin = home->worker,
                                      .from_removed = s->from_removed,
                                      .after = s->position};
    transport_read(home->hub->transport, &r->read);
}

/* One step of one stream; it is first in home->catching_up. Returns what it cost, in bytes. */
static size_t
step(struct stream *s)
{
    struct hub_worker *home = s->home;
    /* To the end of the queue: round robin. */
    list_unlink(&s->catch_node);
    list_append(&home->catching_up, &s->catch_node);
    struct batch *piece = s->reading ? s->reading->piece : NULL;
    if (piece && position_cmp(piece->upto, s->position) > 0)
        return read_piece(s, piece);
    drop_piece(s);
    if (s->from_removed) {
        ask_history(s);
        return 0;
    }
    if (position_cmp(s->position, home->taken) >= 0) {
        if (exchange_is_flushed(s->exchange))
            go_live(s);
        else
            block(s);
        return 0;
    }
    uint32_t number;
    if (tail_find(&home->tail, s->position, &number))
        return read_tail(s, number);
    metrics_count(METRIC_tail);
    ask_history(s);
    return 0;
}

/* As many of those that wait for a read as there are reads free. Whoever then does not need one
 * after all leaves it to the next turn's. */
static void
feed_hungry(struct hub_worker *home)
{
    struct list *node;
    for (unsigned free = MAX_READS - home->reads_underway;
         free && (node = list_shift(&home->hungry)) != NULL; free--)
        list_append(&home->catching_up, node);
}

void
stream_catch_up_all(struct turn_hook *hook)
{
    struct hub_worker *home = CONTAINER_OF(hook, struct hub_worker, catch_up.hook);
    struct catch_up *turn = &home->catch_up;
    if (worker_is_new_turn(home->worker, &turn->turn))
        turn->steps = turn->cost = 0;
    feed_hungry(home);
    for (; turn->steps < TURN_STEPS && turn->cost < TURN_BYTES; turn->steps++) {
        if (list_is_empty(&home->catching_up))
            break;
        turn->cost += step(CONTAINER_OF(home->catching_up.next, struct stream, catch_node));
    }
    stream_end_struck(home);
    if (!list_is_empty(&home->catching_up) ||
        (!list_is_empty(&home->hungry) && home->reads_underway < MAX_READS))
        worker_again(home->worker);
}

void
stream_writable(struct stream *s)
{
    if (s->state != STREAM_CATCHING_UP || !s->blocked)
        return;
    s->blocked = false;
    if (s->reading == NULL || !s->reading->underway)
        make_runnable(s);
}

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

void
stream_retime(struct stream *s)
{
    if (s->state == STREAM_CATCHING_UP || s->state == STREAM_LIVE)
        arm_timer(s);
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

static void
send_head(struct stream *s, struct slice cursor)
{
    struct exchange *ex = s->exchange;
    struct reply r;
    reply_stream_head(ex, &r);
    if (cursor.ptr)
        reply_add(&r, cursor_header((enum dialect)s->dialect), cursor);
    exchange_stream(ex, &r, SLICE(":\n"));
    s->has_head = true;
    s->last_sent_ms = worker_now_ms(s->home->worker);
    metrics_count(METRIC_streams_opened);
    metrics_add(METRIC_streams, 1);
    arm_timer(s);
}

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
        trace_stream_cursor(s, find->found);
    send_head(s, find->found ? find->id : SLICE("earliest"));
    /* An unknown id replays nothing: the stream begins at what its worker has taken. */
    s->position = find->found ? find->position : s->home->taken;
    s->begun_in = s->home->delivery.number;
    set_state(s, STREAM_CATCHING_UP);
    make_runnable(s);
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

static enum index_answer
subscribe(struct stream *s, const struct query *q, struct error *err)
{
    struct index *ix = &s->home->index;
    for (size_t i = 0; i < q->count; i++) {
        const struct selector *selector = &q->selectors[i];
        struct subscription *sub = &s->subscriptions[s->subscription_count];
        enum index_answer answer = index_add(ix, sub, s, selector, err);
        if (answer == INDEX_TWICE)
            continue;
        if (answer != INDEX_ADDED)
            return answer;
        s->subscription_count++;
        s->has_everything |= sub->entry == &ix->everything;
        s->exact_count += !index_is_pattern(selector);
    }
    return INDEX_ADDED;
}

static void
unsubscribe(struct stream *s)
{
    while (s->subscription_count)
        index_remove(&s->home->index, &s->subscriptions[--s->subscription_count]);
}

enum index_answer
stream_begin(struct hub_worker *home, struct exchange *ex, struct grant *grant,
             const struct query *q, uint64_t address_key, struct error *err)
{
    const struct cursor *cursor = &q->cursor;
    struct stream *s = xalloc(sizeof *s + q->count * sizeof s->subscriptions[0]);
    s->home = home;
    enum index_answer answer = subscribe(s, q, err);
    if (answer != INDEX_ADDED) {
        unsubscribe(s);
        free(s);
        return answer;
    }
    s->exchange = ex;
    s->grant = grant;
    s->address_key = address_key;
    s->dialect = cursor->dialect;
    s->audience_follows = hub_url_audience_follows(ex->config);
    s->first_due = s->last_due = DUE_NONE;
    s->position = home->taken;
    list_init(&s->catch_node);
    if (list_is_empty(&home->streams))
        worker_set_drowsy(home->worker, false);
    list_append(&home->streams, &s->node);
    timer_init(&s->timer, on_timer);
    ex->state = s;
    s->begun_s = (uint32_t)(worker_now_ms(home->worker) / 1000);
    s->begun_in = home->delivery.number;
    set_end(s);
    if (log_wants(LOG_DEBUG))
        trace_stream_begin(s, q);
    if (cursor->id.len && !cursor->is_earliest) {
        s->state = STREAM_LOOKING;
        exchange_wait(ex);
        s->lookup = lookup_begin(home, cursor->id, on_found, s);
    } else if (cursor->is_earliest) {
        s->state = STREAM_CATCHING_UP;
        metrics_add(METRIC_streams_catching_up, 1);
        s->from_removed = true;
        send_head(s, cursor_at_once(cursor));
        make_runnable(s);
    } else {
        s->state = STREAM_LIVE;
        send_head(s, cursor_at_once(cursor));
    }
    return INDEX_ADDED;
}

void
stream_end_struck(struct hub_worker *home)
{
    static struct log_limit limit;
    uint64_t more;
    struct selector pattern;
    struct subscription *first;
    while (index_take_struck(&home->index, &pattern, &first)) {
        size_t streams = 0;
        struck_add(home->hub->struck, &pattern, clock_mono_ms());
        for (; first; first = first->next, streams++)
            stream_end(first->stream);
        if (log_allowed(&limit, &more))
            log_line(LOG_WARN, "pattern_struck", "pattern=%s streams=%zu suppressed=%llu",
                     LOG_SLICE(pattern.text), streams, (unsigned long long)more);
    }
}

void
stream_gone(struct stream *s)
{
    struct hub *hub = s->home->hub;
    if (log_wants(LOG_DEBUG))
        trace_stream_end(s, state_names[s->state], s->state == STREAM_ENDING);
    if (s->state == STREAM_CATCHING_UP)
        metrics_sub(METRIC_streams_catching_up, 1);
    if (s->has_head) {
        metrics_count(METRIC_streams_closed);
        metrics_sub(METRIC_streams, 1);
    }
    timer_disarm(&s->timer);
    delivery_forget(&s->home->delivery, s);
    unsubscribe(s);
    list_unlink(&s->node);
    if (list_is_empty(&s->home->streams))
        worker_set_drowsy(s->home->worker, true);
    list_unlink(&s->catch_node);
    release_reading(s);
    atomic_fetch_sub(&hub->streams, 1);
    if (s->grant)
        quota_give(hub->by_token, s->grant->key_hash);
    if (s->address_key)
        quota_give(hub->by_address, s->address_key);
    grant_unref(&s->grant);
    free(s);
}
