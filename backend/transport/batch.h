#ifndef TRANSPORT_BATCH_H
#define TRANSPORT_BATCH_H

/* Updates that stand together in the order: (after, upto]. What was committed at once, and what a
 * read answers. Immutable; atomic reference count; owns a reference to each update. */

#include "transport/update.h"

struct batch {
    atomic_uint refs;
    uint32_t count;
    struct position after, upto; /* upto is given even where nothing is held for it */
    size_t bytes;                /* sum of the updates' sizes */
    struct update *updates[];
};

/* Room for `count` updates; caller fills them, hands over one reference each. */
struct batch *batch_new(uint32_t count);
struct batch *batch_ref(struct batch *);
void batch_unref(struct batch **);

/* Index of the first update behind `p`; count if there is none. */
uint32_t batch_index_after(const struct batch *, struct position p);
/* The position just before updates[i]. */
struct position batch_before(const struct batch *, uint32_t i);

#endif
