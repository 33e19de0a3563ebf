#ifndef TRANSPORT_REGISTRY_H
#define TRANSPORT_REGISTRY_H

/* The active subscriptions as of one position: what the transport has committed, and nothing else.
 * The committer takes each batch in when it is committed, before the batch goes to the first worker
 * and before any answer; anybody may ask. One lock, a leaf, held for some microseconds.
 *
 * What is active when transport_start() returns was active when the last hub ended, and nobody's
 * now: the hub adopts it (walks it before it accepts) and ends it. */

#include "base/buf.h"
#include "transport/active.h"
#include "transport/batch.h"

struct registry;

struct registry *registry_new(size_t max_bytes);
void registry_free(struct registry **);

/* Any thread. Room for a begin and its end, before the begin is published; false: there is none.
 * Given back by registry_release() where the begin was not committed, else when the end was. */
MUST_CHECK bool registry_reserve(struct registry *, const struct active *);
void registry_release(struct registry *, const struct active *);

/* The same for a begin that is committed already, by another hub: there is always room. */
void registry_admit(struct registry *, const struct active *);

/* The committer. Also batches without a begin or an end: the registry is as of the last one. An end
 * is known by its topic, and ends what is active by it; where nothing is, it is none. */
void registry_commit(struct registry *, const struct batch *);
/* The committer, where it takes up a history behind what it has not read: from now on these are
 * active as of `p`, in the order of their begins (active->begun is set), and nobody else. Takes the
 * references; whom it knows stays as it is. `id`: of the update at `p`. */
void registry_replace(struct registry *, struct active **all, size_t count, struct position p,
                      struct slice id);

/* The committer, for histories that forget: where the oldest record of an active subscription
 * stands (false: there is none), those of which it stands at or before `upto` (the oldest, up to
 * `room` of them, with references), and that one was written again. */
bool registry_floor(struct registry *, struct position *ret);
size_t registry_recorded_before(struct registry *, struct position upto, struct active **into,
                                size_t room);
void registry_recorded(struct registry *, struct active *, struct position);

/* At a start, before any thread: what the history says, in order. A begin that is known was written
 * again; an end of one that is not known is none. */
void registry_restore(struct registry *, const struct update *);
/* Where the history ends. */
void registry_start_at(struct registry *, struct position, struct slice id);

/* Any thread. What is active at one position: a walk sees neither begins nor ends behind it. It
 * holds up no commit for longer than a piece takes. It is over when it was walked to its end, or
 * ended (then, or if it never began, ending does nothing); it stays where it is meanwhile. */
struct registry_walk {
    struct registry *registry; /* NULL: it is over */
    struct list node;
    struct position at;  /* set by begin: what the answer is as of */
    struct active *next; /* pinned */
    enum dialect dialect;
    bool whole;        /* all collections */
    bool id_may_recur; /* set by begin: at another position, perhaps (a publisher chose it) */
};

/* `collection`: H/subscriptions/…/{match}, or empty for all; not kept. `ret_id`: the id of the
 * update at that position, appended; empty: nothing was ever committed. NULL: not wanted. */
void registry_walk_begin(struct registry *, struct registry_walk *, enum dialect,
                         struct slice collection, struct buf *ret_id);
/* Up to `room` further ones with references, in the order of their begins; 0: that was all. */
size_t registry_walk_next(struct registry_walk *, struct active **into, size_t room);
void registry_walk_end(struct registry_walk *);

/* One, by its id. NULL: it is not active. Caller owns a reference. */
struct active *registry_find(struct registry *, enum dialect, struct slice id, struct buf *ret_id);

/* How many are active. Any thread, without the lock. */
size_t registry_count(const struct registry *);

#endif
