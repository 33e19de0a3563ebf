#ifndef MOD_ALIPES_ARRIVAL_H
#define MOD_ALIPES_ARRIVAL_H

/* A request on its way to become a stream: what the worker thread that has it and the poller that
 * asks the hub tell each other. */

#include "base/buf.h"
#include "base/list.h"
#include "mod_alipes/client.h"
#include "mod_alipes/head.h"
#include "mod_alipes/hub.h"

#include <pthread.h>

enum {
    ARRIVAL_REPLY = 65536, /* the most of a reply that is no stream */
};

enum verdict {
    VERDICT_NONE,   /* yet */
    VERDICT_STREAM, /* a stream's head is there */
    VERDICT_REPLY,  /* a reply that is no stream, whole */
    VERDICT_AWAY,   /* no hub, or one that cannot do this */
    VERDICT_BUSY,   /* it would be one too many, or this child ends */
    VERDICT_BROKEN, /* a reply that is none, or too long */
};

enum intent {
    INTENT_OPEN,  /* ask the hub */
    INTENT_TAKEN, /* the connection is out of Apache: `client` is set */
    INTENT_LEFT,  /* the worker is through with it */
};

struct stream;

struct arrival {
    /* Set before it is posted, then read-only. */
    struct hub hub;
    struct stream *stream;
    unsigned poller; /* whose it is */

    /* The worker's, and with INTENT_TAKEN the poller's. */
    struct client client;

    /* The poller's while the verdict is NONE, then the worker's. */
    struct buf reply;
    struct head head;

    /* Both, under `lock`: a leaf lock. */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    enum verdict verdict;

    /* Both, under the mailbox's lock. */
    struct list node;
    enum intent intent;
};

struct arrival *arrival_new(const struct hub *, struct stream *); /* NULL: no memory */
void arrival_free(struct arrival **);

/* The worker: what became of it; NONE once `patience_ms` have passed. */
enum verdict arrival_wait(struct arrival *, uint64_t patience_ms);

/* The poller: once. */
void arrival_answer(struct arrival *, enum verdict);
enum verdict arrival_verdict(struct arrival *);
/* The poller: takes bytes of a reply. True: they are a stream's head, and *ret_body is what stands
 * behind it. A verdict may be there then; it is STREAM only once the poller says so. */
MUST_CHECK bool arrival_take(struct arrival *, struct slice, struct slice *ret_body);
void arrival_over(struct arrival *); /* the reply has its end */

#endif
