#ifndef HUB_TAIL_H
#define HUB_TAIL_H

/* The last batches that a worker took: what a stream that lags a little reads without waiting.
 * Bounded in bytes, but the last batch always stays, whatever its size. One thread's. */

#include "transport/batch.h"

struct tail {
    struct batch **batches; /* owns; a ring of `cap`, a power of two, or 0 */
    uint32_t begin, count, cap;
    size_t bytes, max_bytes;
};

void tail_init(struct tail *, size_t max_bytes); /* allocates nothing */
void tail_fini(struct tail *);
void tail_empty(struct tail *);               /* forgets all that it has */
void tail_add(struct tail *, struct batch *); /* takes the caller's reference */

/* The number of the batch that holds what comes behind `p`; false: there is none, or the tail
 * begins later than that. */
bool tail_find(const struct tail *, struct position p, uint32_t *ret_number);
/* Borrowed; numbers go from the oldest, 0, to tail.count - 1. */
struct batch *tail_at(const struct tail *, uint32_t number);

#endif
