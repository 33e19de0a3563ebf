#ifndef BASE_ARENA_H
#define BASE_ARENA_H

/* Memory that dies together: what one request needs. Has a maximum; returns NULL past it. */

#include "base/slice.h"

struct arena {
    struct arena_block *blocks; /* owns */
    size_t used, max;
};

void arena_init(struct arena *, size_t max);               /* allocates nothing */
void arena_fini(struct arena *);                           /* gives everything back; usable again */
MUST_CHECK void *arena_alloc(struct arena *, size_t size); /* zeroed, aligned to 16 */
/* A copy with a NUL behind it. False: past the maximum. */
MUST_CHECK bool arena_copy(struct arena *, struct slice, struct slice *ret_copy);

#endif
