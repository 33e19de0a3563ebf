#ifndef TRANSPORT_TRANSPORT_H
#define TRANSPORT_TRANSPORT_H

/* The asynchronous contract between the hub and whatever orders, keeps and broadcasts updates
 * (DESIGN.md, section 1). Nothing here waits: a request is made on the thread of the worker that is
 * its origin, and its answer comes as a message to that worker. Committed updates come as batches,
 * to every worker, in one order; a batch is committed (and found by read and find) before the first
 * worker has it and before any publish in it is answered.
 *
 * A batch follows what the worker took last. One that does not (its `after` is another position)
 * says that the history has lost ground, or is only now known: what was shown behind `after`, and
 * was not shown before it, is not in it. The worker first ends its streams, and forgets its tail.
 *
 * A kind of transport is a row of functions, and hub code never asks which one it has. */

#include "base/error.h"
#include "base/hash.h"
#include "loop/worker.h"
#include "transport/batch.h"

#include <stdbool.h>
#include <stddef.h>

enum publish_outcome {
    PUBLISH_COMMITTED, /* shown to everybody, or about to be */
    PUBLISH_FAILED,    /* not confirmed: it may or may not be there after a restart */
    PUBLISH_REFUSED,   /* it is not there, and may be taken later */
    PUBLISH_TOO_LARGE, /* the history can never hold it */
    PUBLISH_STOPPED,   /* never taken: the transport is stopping */
};

/* Embedded by the asker; must live until its answer (message.receive) arrives. Its updates stand
 * together in the order, and nothing between them; they may be committed one after another. */
struct transport_publish {
    struct message message;
    struct worker *origin;
    struct update **updates; /* borrowed; taken: each is NULL when the answer comes */
    uint32_t count;          /* 1 or more */
    enum publish_outcome outcome;
    uint32_t committed;     /* so many, the first of them; all: PUBLISH_COMMITTED */
    struct position before; /* the position just before the first; where any was committed */
    uint64_t number;        /* the transport's, while it has it */
};

/* The id of an update, or of a position (transport/position_id.h). */
struct transport_find {
    struct message message;
    struct worker *origin;
    struct slice id; /* borrowed until the answer */
    bool failed;     /* nothing can be said now: the id is neither found nor unknown */
    bool found;
    bool is_lacking;          /* begins and ends behind it are gone: who wants them has to be told
                                 (as of an unknown one), and reads READ_ALL_THAT_IS_THERE */
    struct position position; /* where found: of the earliest held update with that id; of one that
                                 is the id of a position, that one, if all behind it is held */
};

/* What a read is about: begins and ends have a retention of their own, and who cannot get them is
 * not gone because of it. */
enum read_scope {
    READ_PUBLISHED,         /* begins and ends may be left out */
    READ_ALL,               /* gone also where retention has overtaken `after` among those */
    READ_ALL_THAT_IS_THERE, /* not so: what is left of them */
};

/* What a stream was told that it misses: what retention had taken when its first read came. */
struct transport_told {
    bool is_set;
    struct position published, active;
};

struct transport_read {
    struct message message;
    struct worker *origin;
    enum read_scope scope;
    bool from_removed; /* begin at what retention has left, as of now; `after` is set then */
    struct position after;
    struct transport_told told; /* set by the first read that is from_removed or is content with
                                   what is there; kept for the reads that follow it, which are gone
                                   only because of what retention took since */
    bool gone;           /* retention has overtaken `after`, or what is behind it cannot be read
                            now: the stream must end, and comes back */
    struct batch *piece; /* caller's reference; piece->after == after unless it began earlier:
                            skip what is not behind `after`; later only where the stream was told.
                            At least one update, or NULL with !gone: nothing is committed behind
                            `after` yet */
};

/* Would a publish be taken now? Answered by whoever commits, behind what it is at. */
struct transport_probe {
    struct message message;
    struct worker *origin;
    bool ok;
};

/* Has this hub taken in what any hub had committed when it was asked? Answered when it has; at once
 * where that cannot be asked now. */
struct transport_settle {
    struct message message;
    struct worker *origin;
    bool failed; /* nothing is known yet */
};

enum orphan_kind {
    ORPHAN_DEAD,    /* its hub is no more */
    ORPHAN_STOPPED, /* its hub has stopped in good order: who was there may come back elsewhere */
    ORPHAN_BACK,    /* and has done so already */
};

enum {
    TRANSPORT_ORPHANS = 256 /* in an answer */
};

/* Active subscriptions of a hub that has ended, given to one that goes on: whoever asks. Answered
 * when there are such, or the transport stops; then one may ask again. They stay active until their
 * ends are published, and may be told to another hub as well: an end that is committed already is
 * committed, and nothing is written. */
struct transport_orphans {
    struct message message;
    struct worker *origin;
    enum orphan_kind kind;
    uint32_t count;                        /* 0: the transport stops */
    struct active *all[TRANSPORT_ORPHANS]; /* the asker's references */
};

/* What is kept, as of the last commit or removal. */
struct transport_stat {
    uint64_t events, bytes;
    uint64_t oldest_ms; /* wall clock, of the oldest update held (or a little before); 0: none */
    uint64_t subscriptions_events, subscriptions_bytes; /* of begins and ends, apart */
};

/* What a worker hears. The receiver owns the message, and a reference to the batch. */
struct transport_delivery {
    struct message message;
    struct batch *batch;
};

struct transport_settings {
    size_t tail_bytes;      /* lag of a worker past which commits wait; ring of `memory` */
    size_t max_batch_bytes; /* a batch begins no further update past it */

    /* `log` and `redis`. */
    uint64_t max_events, max_bytes, max_age_ms;

    /* `redis` alone; borrowed until open() returns. */
    const struct redis_settings *redis;

    /* `log` alone. */
    const char *path;          /* of the folder; borrowed until open() returns */
    uint64_t sync_interval_ms; /* 0: a commit is synced */
    bool unsafe_filesystem;

    /* Begins and ends of active subscriptions, apart from the rest. */
    bool subscriptions;
    uint64_t subscriptions_max_bytes, subscriptions_max_age_ms;
    bool has_random_ids; /* `redis`: of the begins that it writes again: UUIDs of version 4 */
};

struct transport;
struct registry;
struct redis_settings;

struct transport_ops {
    const char *name;
    struct transport *(*open)(const struct transport_settings *, struct error *);
    struct position (*start)(struct transport *, struct worker **workers, unsigned count,
                             void (*receive)(struct worker *, struct message *));
    void (*publish)(struct transport *, struct transport_publish *);
    void (*find)(struct transport *, struct transport_find *);
    void (*read)(struct transport *, struct transport_read *);
    void (*probe)(struct transport *, struct transport_probe *);
    void (*stat)(struct transport *, struct transport_stat *);
    const struct hash_key *(*key)(const struct transport *);
    struct registry *(*registry)(struct transport *);
    /* NULL: the history is of this hub alone. */
    void (*settle)(struct transport *, struct transport_settle *);
    void (*orphans)(struct transport *, struct transport_orphans *);
    void (*delivered)(struct transport *, unsigned worker, size_t bytes);
    void (*refuse)(struct transport *);
    void (*stop)(struct transport *);
    void (*free)(struct transport **);
};

/* Embedded first in each kind's struct. */
struct transport {
    const struct transport_ops *ops;
};

/* Opens; nothing runs yet. NULL: err says why. Caller owns. */
static inline struct transport *
transport_open(const struct transport_ops *ops, const struct transport_settings *s,
               struct error *err)
{
    return ops->open(s, err);
}

/* Before the workers start: begins the transport's threads. `receive` gets transport_delivery.
 * Returns the last committed position: where every worker's `taken` begins. Nowhere: it is not
 * known yet, nothing can be read or found, and publishes wait; a batch that follows nothing will
 * tell. */
static inline struct position
transport_start(struct transport *t, struct worker **workers, unsigned count,
                void (*receive)(struct worker *, struct message *))
{
    return t->ops->start(t, workers, count, receive);
}

static inline void
transport_publish(struct transport *t, struct transport_publish *p)
{
    t->ops->publish(t, p);
}

static inline void
transport_find(struct transport *t, struct transport_find *f)
{
    t->ops->find(t, f);
}

static inline void
transport_read(struct transport *t, struct transport_read *r)
{
    t->ops->read(t, r);
}

static inline void
transport_probe(struct transport *t, struct transport_probe *p)
{
    t->ops->probe(t, p);
}

/* Any thread, at once: neither the disk nor a lock that is held over it is waited for. */
static inline void
transport_stat(struct transport *t, struct transport_stat *ret)
{
    t->ops->stat(t, ret);
}

/* Under which the ids of its positions stand (transport/position_id.h): of this history alone. Does
 * not change. Any thread. */
static inline const struct hash_key *
transport_key(const struct transport *t)
{
    return t->ops->key(t);
}

/* The active subscriptions; lives as long as the transport. NULL: they are off. Any thread. */
static inline struct registry *
transport_registry(struct transport *t)
{
    return t->ops->registry(t);
}

/* False: there are no other hubs, and there will be no answer. So too of the next. */
static inline bool
transport_settle(struct transport *t, struct transport_settle *s)
{
    if (t->ops->settle)
        t->ops->settle(t, s);
    return t->ops->settle != NULL;
}

static inline bool
transport_orphans(struct transport *t, struct transport_orphans *o)
{
    if (t->ops->orphans)
        t->ops->orphans(t, o);
    return t->ops->orphans != NULL;
}

/* A worker's `delivered` moved over a batch of that many bytes: back-pressure counts them. */
static inline void
transport_delivered(struct transport *t, unsigned worker, size_t bytes)
{
    t->ops->delivered(t, worker, bytes);
}

/* From now on publishes are answered PUBLISH_STOPPED; those already posted are committed. */
static inline void
transport_refuse(struct transport *t)
{
    t->ops->refuse(t);
}

/* Answers what was asked, then joins its threads. Nobody asks any more; the workers still run. */
static inline void
transport_stop(struct transport *t)
{
    t->ops->stop(t);
}

static inline void
transport_free(struct transport **t)
{
    if (*t)
        (*t)->ops->free(t);
}

#endif
