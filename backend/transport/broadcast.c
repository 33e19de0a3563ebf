/* broadcast - outboxes of the workers, and their lag. */

#include "transport/broadcast.h"

#include "base/alloc.h"

#include <stdlib.h>

void
broadcast_init(struct broadcast *b, struct worker **workers, unsigned count, size_t max_lag,
               void (*receive)(struct worker *, struct message *))
{
    *b = (struct broadcast){
        .workers = workers, .count = count, .max_lag = max_lag, .receive = receive};
    b->seats = xalloc(count * sizeof *b->seats);
    for (unsigned i = 0; i < count; i++)
        list_init(&b->seats[i].outbox);
}

void
broadcast_fini(struct broadcast *b)
{
    free(b->seats);
    b->seats = NULL;
}

static bool
one_lags(struct broadcast *b)
{
    for (unsigned i = 0; i < b->count; i++)
        if (b->seats[i].mailed - atomic_load(&b->seats[i].delivered) > b->max_lag)
            return true;
    return false;
}

bool
broadcast_lags(struct broadcast *b)
{
    bool lags = one_lags(b);
    if (lags) {
        /* Say so, then look again: a worker that delivered in between did not see it. */
        atomic_store(&b->lagging, true);
        lags = one_lags(b);
    }
    if (!lags)
        atomic_store(&b->lagging, false);
    return lags;
}

bool
broadcast_delivered(struct broadcast *b, unsigned worker, size_t bytes)
{
    atomic_fetch_add(&b->seats[worker].delivered, bytes);
    return atomic_load(&b->lagging);
}

void
broadcast_answer(struct broadcast *b, struct worker *origin, struct message *m)
{
    b->first_answer = worker_number(origin);
    b->seats[b->first_answer].is_awaited = true;
    list_append(&b->seats[b->first_answer].outbox, &m->node);
}

void
broadcast_batch(struct broadcast *b, struct batch *batch)
{
    for (unsigned i = 0; i < b->count; i++) {
        struct transport_delivery *d = xalloc(sizeof *d);
        d->message.receive = b->receive;
        d->batch = batch_ref(batch);
        b->seats[i].mailed += batch->bytes;
        list_append(&b->seats[i].outbox, &d->message.node);
    }
}

/* A worker without streams need not wake for each batch, but before it lags so much that commits
 * would wait for it. */
void
broadcast_send(struct broadcast *b)
{
    for (unsigned i = 0, at = b->first_answer; i < b->count; i++, at++) {
        struct seat *seat = &b->seats[at % b->count];
        bool can_wait =
            !seat->is_awaited && seat->mailed - atomic_load(&seat->delivered) <= b->max_lag / 4;
        worker_post_list(b->workers[at % b->count], &seat->outbox, can_wait);
        seat->is_awaited = false;
    }
}
