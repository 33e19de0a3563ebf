#ifndef HUB_HUB_H
#define HUB_HUB_H

/* The hub: what the process shares, and what each worker has for itself. */

#include "auth/token_cache.h"
#include "config/config.h"
#include "hub/delivery.h"
#include "hub/index.h"
#include "hub/joining.h"
#include "hub/quota.h"
#include "hub/struck.h"
#include "hub/tail.h"
#include "loop/worker.h"
#include "request/rules.h"
#include "transport/transport.h"

#include <stdatomic.h>

struct fetcher;

/* Set before the workers start, then read-only but for the atomics. */
struct hub {
    struct rules *rules; /* owns a reference: those of the start; a worker's own may be newer */
    const struct config *config; /* of them: what cannot change without a restart */
    struct transport *transport;
    struct fetcher *fetcher;             /* borrowed; NULL: none */
    struct quota *by_token, *by_address; /* owns */
    struct struck *struck;               /* owns */
    void (*on_rules)(struct worker *,
                     const struct config *); /* new rules came; NULL: nothing more */
    unsigned workers;
    atomic_size_t streams;
    atomic_size_t key_waits;          /* requests that wait for a JWK set */
    atomic_size_t pending_bytes;      /* bodies being read and updates that wait */
    atomic_size_t query_bytes;        /* of them, bodies of QUERYs */
    atomic_size_t publishes_underway; /* given to the transport, not answered */
    atomic_bool stopping;
};

struct sweep {
    struct turn_hook hook;
    size_t left, ended;
    int64_t clocks_ms; /* the wall clock less the monotonic one, when that was last looked at */
};

/* What streams that catch up have taken of this turn. */
struct catch_up {
    struct turn_hook hook;
    uint64_t turn;
    unsigned steps;
    size_t cost;
};

/* The worker's thread alone. */
struct hub_worker {
    struct hub *hub;
    struct worker *worker;
    struct index index;
    struct rules *rules;        /* owns a reference: what holds now */
    struct list waiting;        /* requests that wait for a JWK set (hub/admit.h) */
    struct sweep sweep;         /* streams still to be judged by new rules (hub/reload.h) */
    struct token_cache *tokens; /* owns */
    struct list streams;        /* all of them, by stream.node */
    struct position taken, delivered;

    struct tail tail;

    struct delivery delivery;
    struct joining_queue joining;

    struct list catching_up; /* streams that can go on, by stream.catch_node */
    struct list hungry;      /* streams that wait for a read to be free */
    unsigned reads_underway;
    struct catch_up catch_up;
};

/* Takes a reference of the rules; borrows the rest. Caller owns. */
struct hub *hub_new(struct rules *, struct transport *, struct fetcher *);
void hub_free(struct hub **);
struct hub_worker *hub_worker_new(struct hub *, struct worker *); /* before worker_start() */
void hub_worker_free(struct hub_worker **);                       /* after worker_join() */
struct hub_worker *hub_worker_of(struct worker *);

/* The bounds of the index and of matching, as the worker's rules have them. */
void hub_set_limits(struct hub_worker *);
/* Receives transport_delivery messages. */
void hub_receive(struct worker *, struct message *);
/* The hub stops: ends every stream of this worker, and every request that waits to become one, with
 * a jittered retry:. Its thread. */
void hub_end_streams(struct hub_worker *);

/* Milliseconds an EventSource should wait: spread, so that not all come back at once. */
unsigned hub_retry_ms(struct hub_worker *);

#endif
