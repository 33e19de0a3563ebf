/* delivery - a batch is taken, matched, written and delivered; in more than one turn if it must be.
 *
 * `taken` moves and the batch joins the tail; the index gives for each update the LIVE streams it
 * meets, each once (a stamp tells); what is due hangs on the stream as a chain of indices; after
 * the whole batch each stream gets one write; the transport hears that it is delivered. The cost is
 * that of the matches.
 *
 * Everything in that takes steps, and a turn has so many of them for matching, and so many for
 * writing. When the first are spent in the middle of a batch, be it between two patterns, two
 * streams of one topic or two questions to a grant, what was matched so far is written and the rest
 * waits for the next turn; when the second are, the streams that are left are written to in the
 * next, before anything else is matched. Batches that come meanwhile wait untaken. Between the
 * turns anything may happen to a stream:
 *
 * - It joins. It starts LIVE at `taken`, the end of this batch, or CATCHING_UP; an update behind
 * its position alone is for it, so what is left of the batch passes it by.
 * - It leaves. The index has lost its subscriptions, and the walk goes on with whoever stood behind
 * it (hub/walk.c); what was due to it is nobody's (delivery_forget()). If it was just being asked
 * whether it may get the update, the next one is asked from the first topic on.
 * - It ends. It is not LIVE any more: the index passes it by, and what was due to it is dropped:
 * its peer comes back with the id of the last update that it was sent.
 * - It was sent the update that is half matched, and a pattern still to be tried meets it again: it
 *   bears the stamp of that update.
 * - Its socket is full when the pause writes. It falls back to just before the first update it was
 *   not sent, reads the rest of the batch from the tail, whole, by its own matchers, and is LIVE
 *   again when it has passed `taken`, so behind all that is still to be matched. If some of that
 *   had been matched for it but not begun, its chain is gone: the tail has it.
 * - It was LIVE, was sent nothing at the pause, and falls back later: its position is then just
 *   before the first that it was due, and it had been judged not to get any update before.
 * - It stays CATCHING_UP all the while: it reads the tail, of which this batch is part; the index
 *   passes it by because it is not LIVE.
 * - The hub stops: the streams are ended when the last batch is delivered.
 * The transport counts a worker's lag from what is delivered, so publishers wait for it, and the
 * batches that wait here are bounded as everything else that lags. */

#include "hub/delivery.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "hub/catch_up.h"
#include "hub/rights_memo.h"
#include "hub/strike.h"
#include "hub/trace.h"
#include "hub/walk.h"
#include "hub/watch.h"
#include "metrics/metrics.h"

#include <stdlib.h>

enum {
    MAX_DUE = 65536,     /* chains are written out before they grow past this */
    SEND_AT_ONCE = 1024, /* updates given to one exchange_send() */
    TURN_STEPS = 100000, /* some 1 ms */
    TURN_WRITING = 100000,
    WRITE_STEPS = 400, /* a write */
    BYTES_A_STEP = 64, /* and what it writes */
    GATHER_STEPS = 8,  /* where it is written with that of others */
};

/* One update due to one stream: a link in that stream's chain. */
struct due {
    uint32_t update; /* index in the batch */
    uint32_t next;   /* index in due, or DUE_NONE */
};

struct delivery {
    struct hub_worker *home;
    struct list waiting; /* transport_delivery messages behind the batch that is being matched */
    struct batch *batch; /* being matched; the tail holds it; NULL: none */
    uint32_t at;         /* the update being matched */
    bool walking;        /* the index has begun with it */
    bool watched;        /* somebody traces it */
    bool matched;        /* all of it is */
    uint64_t stamp;      /* one a matched update: a stream that bears it was met already */
    uint64_t turn, steps, writing; /* of matching and of writing left in this turn */
    struct rights_memo memo;

    struct due *due;
    uint32_t due_count, due_cap;
    struct stream **touched; /* who has something due; NULL in it: left meanwhile */
    uint32_t touched_count, touched_cap;
    uint32_t written; /* of the touched */

    bool end_streams; /* as soon as everything is delivered */
    struct turn_hook go_on;
};

static void on_end_of_turn(struct turn_hook *);

struct delivery *
delivery_new(struct hub_worker *home)
{
    struct delivery *d = xalloc(sizeof *d);
    d->home = home;
    d->steps = TURN_STEPS;
    d->writing = TURN_WRITING;
    list_init(&d->waiting);
    rights_memo_init(&d->memo);
    d->go_on.run = on_end_of_turn;
    worker_add_hook(home->worker, &d->go_on);
    return d;
}

static struct batch *
unwrap(struct message *m)
{
    struct transport_delivery *t = CONTAINER_OF(m, struct transport_delivery, message);
    struct batch *batch = t->batch;
    free(t);
    return batch;
}

void
delivery_free(struct delivery **ref)
{
    struct delivery *d = *ref;
    struct list *node;
    *ref = NULL;
    while ((node = list_shift(&d->waiting)) != NULL) {
        struct batch *batch = unwrap(CONTAINER_OF(node, struct message, node));
        batch_unref(&batch);
    }
    rights_memo_fini(&d->memo);
    free(d->due);
    free(d->touched);
    free(d);
}

static void
touch(struct delivery *d, struct stream *s)
{
    if (d->touched_count == d->touched_cap) {
        d->touched_cap = d->touched_cap ? d->touched_cap * 2 : 256;
        d->touched = xrealloc(d->touched, d->touched_cap * sizeof *d->touched);
    }
    s->touched_at = d->touched_count;
    d->touched[d->touched_count++] = s;
}

void
delivery_forget(struct delivery *d, struct stream *s)
{
    if (s->first_due != DUE_NONE)
        d->touched[s->touched_at] = NULL;
}

static void
make_due(struct delivery *d, struct stream *s)
{
    if (d->due_count == d->due_cap) {
        d->due_cap = d->due_cap ? d->due_cap * 2 : 256;
        d->due = xrealloc(d->due, d->due_cap * sizeof *d->due);
    }
    uint32_t i = d->due_count++;
    d->due[i] = (struct due){d->at, DUE_NONE};
    if (s->first_due == DUE_NONE) {
        s->first_due = i;
        touch(d, s);
    } else {
        d->due[s->last_due].next = i;
    }
    s->last_due = i;
}

/* False: whether it may get the update takes more steps than there are left. */
static bool
collect(struct stream *s, void *context)
{
    struct delivery *d = context;
    const struct update *u = d->batch->updates[d->at];
    if (s->stamp == d->stamp || s->state != STREAM_LIVE)
        return true;
    if (position_cmp(u->position, s->position) > 0 && stream_may_hear(s, u)) {
        enum match answer = rights_memo_may_get(&d->memo, s->grant, u, &d->steps);
        if (answer == MATCH_LIMIT)
            return false;
        if (answer == MATCH_YES)
            make_due(d, s);
    }
    s->stamp = d->stamp;
    return true;
}

static void
note(struct delivery *d, const struct stream *s, const struct update *u, enum trace_meeting how)
{
    if (u->tally)
        trace_met(u, how);
    if (d->watched)
        watch_met(d->home, s->exchange, s->grant, how);
}

/* The same, for an update that has a tally, or is traced. Where its matching pauses, a stream that
 * was here before may have read it from the tail meanwhile, and stand behind it. */
static bool
collect_traced(struct stream *s, void *context)
{
    struct delivery *d = context;
    const struct update *u = d->batch->updates[d->at];
    if (s->stamp == d->stamp || (s->state != STREAM_LIVE && s->state != STREAM_CATCHING_UP))
        return true;
    bool is_ahead = position_cmp(u->position, s->position) > 0;
    bool goes_out = is_ahead && s->state == STREAM_LIVE;
    if ((is_ahead || s->begun_in != d->home->batches) && stream_may_hear(s, u)) {
        enum match answer = rights_memo_may_get(&d->memo, s->grant, u, &d->steps);
        if (answer == MATCH_LIMIT)
            return false;
        note(d, s, u,
             answer != MATCH_YES ? TRACE_NOT_GRANTED
             : goes_out          ? TRACE_SENT
                                 : TRACE_CATCHING_UP);
        if (answer == MATCH_YES && goes_out)
            make_due(d, s);
    }
    s->stamp = d->stamp;
    return true;
}

/* The next of its chain, up to SEND_AT_ONCE; ret_indices: in the batch. */
static size_t
unchain(struct delivery *d, struct stream *s, struct update **ret_updates, uint32_t *ret_indices)
{
    size_t count = 0;
    uint64_t bytes = 0;
    uint32_t i = s->first_due;
    for (; i != DUE_NONE && count < SEND_AT_ONCE; i = d->due[i].next, count++) {
        ret_indices[count] = d->due[i].update;
        ret_updates[count] = d->batch->updates[d->due[i].update];
        bytes += ret_updates[count]->frame.len;
    }
    s->first_due = i;
    match_take(&d->writing, s->exchange->is_multicast ? GATHER_STEPS * (1 + count)
                                                      : WRITE_STEPS + bytes / BYTES_A_STEP);
    return count;
}

static void
send_due(struct delivery *d, struct stream *s, uint64_t now)
{
    struct update *updates[SEND_AT_ONCE];
    uint32_t indices[SEND_AT_ONCE];
    if (s->state != STREAM_LIVE) {
        s->first_due = DUE_NONE;
        return;
    }
    size_t count = unchain(d, s, updates, indices);
    size_t begun = exchange_send(s->exchange, updates, count);
    if (begun)
        s->last_sent_ms = now;
    s->sent += (uint32_t)begun;
    metrics_add(METRIC_deliveries, begun);
    if (begun == count) {
        s->position = updates[count - 1]->position;
        return;
    }
    s->first_due = DUE_NONE;
    catch_up_fall_back(s, d->batch, indices[begun]);
}

/* Each update that met a stream is seen once: what is due stands in the order of updates. */
static void
observe_written(const struct delivery *d)
{
    uint64_t now = d->due_count ? clock_mono_ns() : 0;
    for (uint32_t i = 0; i < d->due_count; i++) {
        const struct update *u = d->batch->updates[d->due[i].update];
        if (u->made_ns && (i == 0 || d->due[i].update != d->due[i - 1].update))
            metrics_took(METRIC_publish_to_write, now - u->made_ns);
    }
}

/* False: no more may be written in this turn. */
static bool
send_all_due(struct delivery *d)
{
    uint64_t now = worker_now_ms(d->home->worker);
    while (d->written < d->touched_count) {
        struct stream *s = d->touched[d->written];
        if (d->writing == 0)
            return false;
        if (s)
            send_due(d, s, now);
        d->written += s == NULL || s->first_due == DUE_NONE;
    }
    observe_written(d);
    d->touched_count = d->written = d->due_count = 0;
    return true;
}

/* False: the steps of this turn are spent, or much is due. Where nobody is, all that waits is taken
 * at once: who comes next begins behind it. */
static bool
match_batch(struct delivery *d)
{
    for (; d->at < d->batch->count; d->at++, d->walking = false) {
        const struct update *u = d->batch->updates[d->at];
        bool is_for_nobody = !d->walking && list_is_empty(&d->home->streams);
        if (!d->walking && u->kind == UPDATE_BEGIN && d->home->departures && u->active)
            departures_meet(d->home->departures, u);
        if (!d->walking)
            d->watched = watch_is_on(d->home) && watch_look(d->home, u);
        if (!d->walking && !is_for_nobody) {
            if (d->due_count > MAX_DUE)
                return false;
            d->stamp++;
            rights_memo_next(&d->memo);
            walk_begin(&d->home->index, u, u->tally || d->watched ? collect_traced : collect, d);
            d->walking = true;
        }
        if (!is_for_nobody && !walk_go_on(&d->home->index, &d->steps))
            return false;
        if (u->tally)
            trace_matched(u);
        if (d->watched)
            watch_matched(d->home, u);
    }
    return true;
}

static void
end_every_stream(struct hub_worker *home, void (*end)(struct stream *))
{
    LIST_EACH(node, after, &home->streams)
    {
        end(CONTAINER_OF(node, struct stream, node));
    }
}

/* What the worker stands on is not in the history any more (transport.h). Streams say where they
 * stand as they end, so they do before the worker stands elsewhere. */
static void
lose_ground(struct hub_worker *home, struct position after)
{
    end_every_stream(home, stream_end);
    tail_empty(&home->tail);
    home->taken = home->delivered = after;
}

static bool
take_next(struct delivery *d)
{
    struct hub_worker *home = d->home;
    struct list *node = list_shift(&d->waiting);
    if (node == NULL)
        return false;
    d->batch = unwrap(CONTAINER_OF(node, struct message, node));
    if (position_cmp(d->batch->after, home->taken) != 0)
        lose_ground(home, d->batch->after);
    d->at = 0;
    d->matched = false;
    home->taken = d->batch->upto;
    home->batches++;
    tail_add(&home->tail, d->batch); /* the reference is the tail's now */
    return true;
}

static bool
is_behind(const struct delivery *d)
{
    return d->batch || !list_is_empty(&d->waiting);
}

static void
finish_batch(struct delivery *d)
{
    size_t bytes = d->batch->bytes;
    d->home->delivered = d->batch->upto;
    d->batch = NULL;
    transport_delivered(d->home->hub->transport, worker_number(d->home->worker), bytes);
}

static void
go_on(struct delivery *d)
{
    while (send_all_due(d)) {
        if (d->batch && d->matched)
            finish_batch(d);
        if (d->steps == 0 || (d->batch == NULL && !take_next(d)))
            break;
        d->matched = match_batch(d);
        strike_end_streams(d->home);
    }
    if (d->batch && !d->matched)
        metrics_count(METRIC_matchings_paused);
    if (is_behind(d))
        worker_again(d->home->worker);
    else if (d->end_streams)
        delivery_end_streams(d);
}

static void
on_end_of_turn(struct turn_hook *hook)
{
    struct delivery *d = CONTAINER_OF(hook, struct delivery, go_on);
    if (worker_is_new_turn(d->home->worker, &d->turn)) {
        d->steps = TURN_STEPS;
        d->writing = TURN_WRITING;
    }
    if (is_behind(d) && (d->steps || d->writing))
        go_on(d);
}

void
delivery_receive(struct worker *worker, struct message *m)
{
    struct delivery *d = hub_worker_of(worker)->delivery;
    bool was_behind = is_behind(d);
    list_append(&d->waiting, &m->node);
    if (!was_behind)
        go_on(d);
}

void
delivery_end_streams(struct delivery *d)
{
    d->end_streams = is_behind(d);
    if (!d->end_streams)
        end_every_stream(d->home, stream_stop);
}
