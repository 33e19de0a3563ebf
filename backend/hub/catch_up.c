/* catch_up - a stream that is behind reads, stint by stint, until it is in step with its worker.
 *
 * It reads one source at a time: history (asynchronous pieces), then the worker's tail, and becomes
 * LIVE on this thread when its position is not behind `taken` and its socket has nothing left to
 * write. Everything it is sent comes from a committed batch. */

#include "hub/catch_up.h"

#include "base/log.h"
#include "hub/catch_up_queue.h"
#include "hub/reading.h"
#include "hub/strike.h"
#include "metrics/metrics.h"

enum {
    STINT_BYTES = 64 * 1024, /* what one stream may send, before the next has its stint */
    STINT_LOOKS = 1024,      /* updates looked at in a stint, sent or not */
    STINT_SENDS = 64,
    LOOK_COST = 16,         /* bytes of the turn that a look stands for */
    STINT_MATCHING = 20000, /* steps of matching (topic/match.h), some 0.2 ms */
    MATCHING_COST = 4,      /* bytes of the turn that one of these stands for */
};

/* What one stint of one stream gathers, and sends at once. */
struct gathering {
    struct update *updates[STINT_SENDS];
    struct position before[STINT_SENDS]; /* just before each */
    size_t count, bytes;
    uint32_t looked;
    uint64_t matching;       /* steps of it, left */
    struct position reached; /* all up to here is judged */
};

/* What was begun about the update behind the position begins anew. */
static void
forget_place(struct stream *s)
{
    s->replay = (struct replay){0};
}

/* A reader that is stuck holds nothing; it asks again. */
static void
block(struct stream *s)
{
    reading_drop_piece(s->reading);
    s->blocked = true;
    forget_place(s);
    list_unlink(&s->catch_node);
}

void
catch_up_fall_back(struct stream *s, const struct batch *batch, uint32_t first)
{
    if (s->state != STREAM_LIVE)
        return;
    s->position = batch_before(batch, first);
    metrics_count(METRIC_fallbacks);
    stream_move(s, STREAM_CATCHING_UP);
    block(s);
}

void
catch_up_writable(struct stream *s)
{
    if (s->state != STREAM_CATCHING_UP || !s->blocked)
        return;
    s->blocked = false;
    if (!reading_is_underway(s->reading))
        catch_up_queue_add(s->home->catching_up, &s->catch_node);
}

void
catch_up_resume(struct stream *s, struct position after)
{
    if (s->state != STREAM_CATCHING_UP && s->state != STREAM_LIVE)
        return;
    reading_forget(&s->reading); /* a piece that is on its way may begin behind it */
    forget_place(s);
    s->blocked = false;
    s->from_removed = after.run == 0; /* it had nothing since it began there */
    s->position = after;
    if (s->state == STREAM_LIVE)
        stream_move(s, STREAM_CATCHING_UP);
    catch_up_queue_add(s->home->catching_up, &s->catch_node);
}

/* MATCH_LIMIT: the steps are spent in the middle of it; the next stint of the stream goes on with
 * the rest, for its position stands before this update. */
static enum match
matches(struct stream *s, const struct update *u, uint64_t *steps)
{
    const struct replay_matchers m = stream_matchers(s);
    if (!stream_may_hear(s, u))
        return MATCH_NO;
    return replay_match(&s->home->index, &m, u, &s->replay, steps);
}

static bool
is_full(const struct gathering *g)
{
    return g->count == STINT_SENDS || g->bytes >= STINT_BYTES || g->looked >= STINT_LOOKS ||
           g->matching == 0;
}

static void
gathering_begin(struct gathering *g, const struct stream *s)
{
    g->count = g->bytes = g->looked = 0;
    g->matching = STINT_MATCHING;
    g->reached = s->position;
}

/* Adds what matches of `source` behind what was reached, as far as a stint goes. */
static void
gather(struct stream *s, const struct batch *source, struct gathering *g)
{
    uint32_t i = batch_index_after(source, g->reached);
    for (; i < source->count && !is_full(g); i++, g->looked++) {
        struct update *u = source->updates[i];
        enum match answer = matches(s, u, &g->matching);
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

/* Returns what the stint cost. */
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
    return g->bytes + g->looked * LOOK_COST + (STINT_MATCHING - g->matching) * MATCHING_COST;
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

/* What it would have read was removed: an EventSource comes back with its cursor. */
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
on_read(void *owner, const struct transport_read *read)
{
    struct stream *s = owner;
    if (read->gone) {
        end_as_gone(s);
        return;
    }
    if (s->from_removed) {
        s->from_removed = false;
        s->position = read->after;
    }
    if (s->blocked)
        reading_drop_piece(s->reading);
    else
        catch_up_queue_add(s->home->catching_up, &s->catch_node);
}

/* Retention has begins and ends apart, and who can get none is not gone because of it. */
static enum read_scope
scope_of(const struct stream *s)
{
    return !stream_wants_presence(s) ? READ_PUBLISHED
           : s->takes_what_is_left   ? READ_ALL_THAT_IS_THERE
                                     : READ_ALL;
}

static void
ask_history(struct stream *s)
{
    list_unlink(&s->catch_node);
    if (!reading_ask(&s->reading, s->home, s->position, s->from_removed, scope_of(s), on_read, s))
        catch_up_queue_starve(s->home->catching_up, &s->catch_node);
}

/* LIVE, if there is nothing left to write. */
static void
arrive(struct stream *s)
{
    if (!exchange_is_flushed(s->exchange)) {
        block(s);
        return;
    }
    reading_forget(&s->reading);
    list_unlink(&s->catch_node);
    forget_place(s);
    s->takes_what_is_left = false;
    stream_move(s, STREAM_LIVE);
}

static size_t
stint(struct stream *s)
{
    const struct batch *piece = reading_piece(s->reading);
    uint32_t number;
    if (piece && position_cmp(piece->upto, s->position) > 0)
        return read_piece(s, piece);
    reading_drop_piece(s->reading);
    if (s->from_removed) {
        ask_history(s);
        return 0;
    }
    if (position_cmp(s->position, s->home->taken) >= 0) {
        arrive(s);
        return 0;
    }
    if (tail_find(&s->home->tail, s->position, &number))
        return read_tail(s, number);
    metrics_count(METRIC_tail);
    ask_history(s);
    return 0;
}

size_t
catch_up_stint(struct list *catch_node)
{
    struct stream *s = CONTAINER_OF(catch_node, struct stream, catch_node);
    struct hub_worker *home = s->home;
    size_t cost = stint(s);
    strike_end_streams(home);
    return cost;
}
