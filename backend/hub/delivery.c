/* delivery - a batch is taken, matched, written and delivered; in more than one turn if it must be.
 *
 * `taken` moves and the batch joins the tail; the index gives for each update the LIVE streams it
 * meets, each once (a stamp tells); what is due hangs on the stream as a chain of indices; after
 * the whole batch each stream gets one write; `delivered` moves. The cost is that of the matches.
 *
 * Patterns take steps, and a turn has so many of them. When they are spent in the middle of a
 * batch, what was matched so far is written and the rest waits for the next turn; batches that
 * come meanwhile wait untaken. Between the turns anything may happen to a stream:
 *
 * - It joins. It starts LIVE at `taken`, the end of this batch, or CATCHING_UP; an update behind
 * its position alone is for it, so what is left of the batch passes it by.
 * - It leaves, or ends. Nothing here points to it: chains and `touched` are empty between turns.
 * The index has lost its subscriptions, or it is not LIVE any more.
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
 * The transport counts a worker's lag from `delivered`, so publishers wait for it, and the batches
 * that wait here are bounded as everything else that lags. */

#include "hub/delivery.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "hub/stream.h"
#include "hub/trace.h"
#include "metrics/metrics.h"

#include <stdlib.h>

enum {
    MAX_DUE = 65536,     /* chains are written out before they grow past this */
    SEND_AT_ONCE = 1024, /* updates given to one exchange_send() */
    TURN_STEPS = 200000, /* some 2 ms */
};

static void go_on(struct hub_worker *);
static void on_end_of_turn(struct turn_hook *);

void
delivery_init(struct delivery *d, struct worker *worker)
{
    *d = (struct delivery){.steps = TURN_STEPS, .go_on.run = on_end_of_turn};
    list_init(&d->waiting);
    judged_init(&d->judged);
    worker_add_hook(worker, &d->go_on);
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
delivery_fini(struct delivery *d)
{
    struct list *node;
    while ((node = list_shift(&d->waiting)) != NULL) {
        struct batch *batch = unwrap(CONTAINER_OF(node, struct message, node));
        batch_unref(&batch);
    }
    judged_fini(&d->judged);
    free(d->due);
    free(d->touched);
}

static void
touch(struct delivery *d, struct stream *s)
{
    if (d->touched_count == d->touched_cap) {
        d->touched_cap = d->touched_cap ? d->touched_cap * 2 : 256;
        d->touched = xrealloc(d->touched, d->touched_cap * sizeof *d->touched);
    }
    d->touched[d->touched_count++] = s;
}

static void
collect(struct stream *s, void *context)
{
    struct delivery *d = context;
    const struct update *u = d->batch->updates[d->at];
    if (s->stamp == d->stamp || s->state != STREAM_LIVE)
        return;
    s->stamp = d->stamp;
    if (position_cmp(u->position, s->position) <= 0 || !judged_may_get(&d->judged, s->grant, u))
        return;
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

/* The same, for an update that has a tally. Where its matching pauses, a stream that was here
 * before may have read it from the tail meanwhile, and stand behind it. */
static void
collect_traced(struct stream *s, void *context)
{
    struct delivery *d = context;
    const struct update *u = d->batch->updates[d->at];
    if (s->stamp == d->stamp || (s->state != STREAM_LIVE && s->state != STREAM_CATCHING_UP))
        return;
    bool is_ahead = position_cmp(u->position, s->position) > 0;
    if (is_ahead || s->begun_in != d->number)
        trace_met(u, !judged_may_get(&d->judged, s->grant, u) ? TRACE_NOT_GRANTED
                     : is_ahead && s->state == STREAM_LIVE    ? TRACE_SENT
                                                              : TRACE_CATCHING_UP);
    collect(s, d);
    s->stamp = d->stamp;
}

static void
send_due(struct delivery *d, struct stream *s, uint64_t now)
{
    struct update *updates[SEND_AT_ONCE];
    uint32_t indices[SEND_AT_ONCE];
    uint32_t i = s->first_due;
    s->first_due = s->last_due = DUE_NONE;
    while (i != DUE_NONE) {
        size_t count = 0;
        for (; i != DUE_NONE && count < SEND_AT_ONCE; i = d->due[i].next) {
            indices[count] = d->due[i].update;
            updates[count] = d->batch->updates[indices[count]];
            count++;
        }
        size_t begun = exchange_send(s->exchange, updates, count);
        if (begun)
            s->last_sent_ms = now;
        s->sent += (uint32_t)begun;
        metrics_add(METRIC_deliveries, begun);
        if (begun < count) {
            stream_fall_back(s, d->batch, indices[begun]);
            return;
        }
    }
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

static void
send_all_due(struct hub_worker *home)
{
    struct delivery *d = &home->delivery;
    uint64_t now = worker_now_ms(home->worker);
    for (uint32_t i = 0; i < d->touched_count; i++)
        send_due(d, d->touched[i], now);
    observe_written(d);
    d->touched_count = 0;
    d->due_count = 0;
}

/* False: the steps of this turn are spent. */
static bool
match_batch(struct hub_worker *home)
{
    struct delivery *d = &home->delivery;
    for (; d->at < d->batch->count; d->at++, d->walking = false) {
        const struct update *u = d->batch->updates[d->at];
        if (!d->walking) {
            if (d->due_count > MAX_DUE)
                send_all_due(home);
            d->stamp++;
            judged_next(&d->judged);
            index_begin(&home->index, u, u->tally ? collect_traced : collect, d, &d->steps);
            d->walking = true;
        }
        if (!index_go_on(&home->index, &d->steps))
            return false;
        if (u->tally)
            trace_matched(u);
    }
    return true;
}

static bool
take_next(struct hub_worker *home)
{
    struct delivery *d = &home->delivery;
    struct list *node = list_shift(&d->waiting);
    if (node == NULL)
        return false;
    d->batch = unwrap(CONTAINER_OF(node, struct message, node));
    d->at = 0;
    d->number++;
    home->taken = d->batch->upto;
    tail_add(&home->tail, d->batch); /* the reference is the tail's now */
    return true;
}

static void
go_on(struct hub_worker *home)
{
    struct delivery *d = &home->delivery;
    while (d->batch || take_next(home)) {
        bool done = match_batch(home);
        send_all_due(home);
        stream_end_struck(home);
        if (!done) {
            metrics_count(METRIC_matchings_paused);
            worker_again(home->worker);
            return;
        }
        size_t bytes = d->batch->bytes;
        d->batch = NULL;
        home->delivered = home->taken;
        transport_delivered(home->hub->transport, worker_number(home->worker), bytes);
    }
    if (d->end_streams)
        delivery_end_streams(home);
}

static void
on_end_of_turn(struct turn_hook *hook)
{
    struct delivery *d = CONTAINER_OF(hook, struct delivery, go_on);
    d->steps = TURN_STEPS;
    if (d->batch)
        go_on(CONTAINER_OF(d, struct hub_worker, delivery));
}

void
delivery_receive(struct hub_worker *home, struct message *m)
{
    struct delivery *d = &home->delivery;
    list_append(&d->waiting, &m->node);
    if (d->batch == NULL)
        go_on(home);
}

void
delivery_end_streams(struct hub_worker *home)
{
    struct delivery *d = &home->delivery;
    d->end_streams = d->batch != NULL;
    if (d->end_streams)
        return;
    LIST_EACH(node, after, &home->streams)
    {
        stream_end(CONTAINER_OF(node, struct stream, node));
    }
}
