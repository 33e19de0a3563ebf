#ifndef GATEWAY_GATEWAY_WORKER_H
#define GATEWAY_GATEWAY_WORKER_H

/* What the connections of one worker have in common: the rules they go by, and who they are. */

#include "base/hash.h"
#include "base/list.h"
#include "loop/worker.h"
#include "request/rules.h"
#include "transport/position.h"

#include <stdatomic.h>

/* The process's; outlives every connection. */
struct gateway_shared {
    atomic_size_t held;            /* bytes that connections hold, bodies apart */
    atomic_size_t *pending;        /* borrowed: bytes of bodies and of updates that wait */
    const atomic_bool *stopping;   /* borrowed */
    const struct hash_key *places; /* borrowed: under which positions go out */
    struct position (*delivered)(struct worker *);
};

/* The worker's thread alone. */
struct gateway_worker {
    struct gateway_shared *shared;
    struct rules *rules;         /* owns a reference: what holds now */
    const struct config *config; /* of rules */
    struct list links;           /* all of them */
    struct list holding;         /* those of them that hold something, the longest first */
};

void gateway_worker_init(struct gateway_worker *, struct gateway_shared *, struct rules *);
void gateway_worker_fini(struct gateway_worker *);
/* New rules: connections go by them from now on. Takes a reference. */
void gateway_worker_settle(struct gateway_worker *, struct rules *);

#endif
