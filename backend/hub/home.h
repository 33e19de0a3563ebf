#ifndef HUB_HOME_H
#define HUB_HOME_H

/* What all of the hub's parts stand on: what the process shares, and what each worker has for
 * itself. A part keeps its own struct to itself, in its own file; here is only where it is.
 * hub/hub.c makes and frees all of it. */

#include "auth/token_cache.h"
#include "config/config.h"
#include "hub/index.h"
#include "hub/pattern_ban.h"
#include "hub/quota.h"
#include "hub/tail.h"
#include "loop/worker.h"
#include "request/exchange.h"
#include "request/rules.h"
#include "transport/transport.h"

#include <stdatomic.h>

struct departures;
struct fetcher;

/* Set before the workers start, then read-only but for the atomics. */
struct hub {
    struct rules *rules; /* owns a reference: those of the start; a worker's own may be newer */
    const struct config *config; /* of them: what cannot change without a restart */
    struct topic subscriptions;  /* owns its text: H/subscriptions/ */
    struct transport *transport;
    struct fetcher *fetcher;             /* borrowed; NULL: none */
    struct quota *by_token, *by_address; /* owns */
    struct pattern_ban *bans;            /* owns */
    uint64_t begun_ms;                   /* wall clock */
    unsigned workers;
    struct worker **crew;             /* owns; so many */
    const atomic_size_t *connections; /* borrowed: those that are open; NULL: not counted */
    size_t stream_connections;        /* past so many none becomes a stream */
    atomic_size_t traces;             /* hub/tracing.h */
    atomic_size_t censuses;           /* hub/census.h */
    atomic_size_t streams;
    atomic_size_t key_waits;          /* requests that wait for a JWK set */
    atomic_size_t pending_bytes;      /* bodies being read and updates that wait */
    atomic_size_t query_bytes;        /* of them, bodies of QUERYs */
    atomic_size_t publishes_underway; /* given to others (also a census), not answered */
    atomic_bool stopping;
};

/* The worker's thread alone. */
struct hub_worker {
    struct hub *hub;
    struct worker *worker;
    struct hub_worker *next;    /* set before the workers start */
    struct rules *rules;        /* owns a reference: what holds now */
    struct token_cache *tokens; /* owns */
    struct list streams;        /* all of them, by stream.node; the oldest first */
    struct list looks;          /* who walks over them (hub/stream.h) */
    uint64_t streams_begun;     /* so many; the last one's serial */
    struct index index;
    struct tail tail;
    struct position taken;     /* all up to here is in the tail, or was */
    struct position delivered; /* all up to here is matched, and written to who is LIVE */
    uint32_t batches;          /* so many were taken (hub/trace.h) */

    /* Owns the parts. */
    struct delivery *delivery;
    struct catch_up_queue *catching_up;
    struct compile_queue *compiling;
    struct sweep *sweep;
    struct roster_desk *rosters;
    struct departures *departures; /* NULL: active subscriptions are off */
    struct list key_waits;         /* hub/access.h */
    struct list settling;          /* hub/settling.h */
    struct list watches;           /* hub/watch.h; mostly none */
    struct list tracings;          /* hub/tracing.h; those that are asked for here */
    const struct hold *resuming;   /* hub/hold.h */
};

struct hub_worker *hub_worker_of(struct worker *);
/* The bounds of the index and of matching, as the worker's rules have them. */
void hub_set_limits(struct hub_worker *);
/* A request goes on that was put off: from now on it follows the rules of now. False: it is
 * answered (421: its host is none of ours any more). */
MUST_CHECK bool hub_renew(struct exchange *);
/* A fresh one for an update, as id_format says. */
struct slice hub_new_id(struct hub_worker *, char into[IDS_URN_LEN + 1]);
/* Milliseconds an EventSource should wait: spread, so that not all come back at once. */
unsigned hub_retry_ms(struct hub_worker *);

#endif
