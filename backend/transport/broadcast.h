#ifndef TRANSPORT_BROADCAST_H
#define TRANSPORT_BROADCAST_H

/* What every transport has in common: answers and batches go to the workers in one order, and a
 * worker that lags holds commits up. One thread at a time calls what is not said to be for any. */

#include "transport/transport.h"

/* What each worker has here. */
struct seat {
    atomic_size_t delivered; /* bytes its worker has delivered, ever */
    size_t mailed;           /* bytes mailed to it, ever */
    struct list outbox;
    bool is_awaited; /* an answer is in the outbox */
};

struct broadcast {
    struct worker **workers; /* borrowed */
    struct seat *seats;      /* owns; one a worker */
    unsigned count;
    unsigned first_answer; /* who is answered is woken first: somebody waits for it */
    size_t max_lag;
    void (*receive)(struct worker *, struct message *);
    atomic_bool lagging; /* commits wait for a worker */
};

void broadcast_init(struct broadcast *, struct worker **, unsigned count, size_t max_lag,
                    void (*receive)(struct worker *, struct message *));
void broadcast_fini(struct broadcast *);

/* Must a commit wait? Then `lagging` is set, and broadcast_delivered() will tell. */
bool broadcast_lags(struct broadcast *);
/* A worker's thread: true if commits wait and should be tried again. */
bool broadcast_delivered(struct broadcast *, unsigned worker, size_t bytes);

void broadcast_answer(struct broadcast *, struct worker *origin, struct message *);
/* To every worker; its answers are to be queued before, so that publishers need not wait. */
void broadcast_batch(struct broadcast *, struct batch *);
void broadcast_send(struct broadcast *); /* what was queued goes out */

#endif
