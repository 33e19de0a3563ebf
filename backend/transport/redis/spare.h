#ifndef TRANSPORT_REDIS_SPARE_H
#define TRANSPORT_REDIS_SPARE_H

/* The last batches, by reference: what is put back where the store has lost it, and what answers
 * look-ups and reads without asking. One unbroken stretch of the order. One thread's. */

#include "transport/batch.h"
#include "transport/held_ids.h"
#include "transport/redis/entry.h"

struct spared;

struct spare {
    struct spared **places; /* owns; `cap` places, a power of two, or 0 */
    uint32_t first, count, cap;
    size_t max_bytes, bytes;
    struct held_ids ids;
    struct position begin, end; /* all that stands in (begin, end] is here */
};

void spare_init(struct spare *, size_t max_bytes);
void spare_fini(struct spare *);

/* Forgets all; what is added next begins there. */
void spare_restart(struct spare *, struct position);
/* Retention has taken all up to there: nobody is given it any more. */
void spare_forget(struct spare *, struct position removed);
/* It follows the last one. Takes references, and copies who wrote each of its updates. */
void spare_add(struct spare *, struct batch *, const struct origin *origins);

/* Does it stand between two updates of the stretch, or at one of its ends? */
bool spare_has_place(const struct spare *, struct position);
/* Of an id that does not come again. */
bool spare_find(const struct spare *, struct slice id, struct position *ret);
/* The first batch that has something behind `p`, borrowed. NULL: none. */
struct batch *spare_after(const struct spare *, struct position p);

/* A walk over what stands behind `p`. */
struct spare_walk {
    const struct spare *spare;
    uint32_t batch, update;
};
void spare_walk_begin(struct spare_walk *, const struct spare *, struct position p);
/* False: that was all. Borrowed. */
bool spare_walk_next(struct spare_walk *, const struct update **ret,
                     const struct origin **ret_origin, struct position *ret_before);

#endif
