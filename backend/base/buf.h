#ifndef BASE_BUF_H
#define BASE_BUF_H

/* A growing run of bytes with a maximum. A builder keeps its first error: after `failed`
 * every further call does nothing, so a caller may build everything and look once. */

#include "base/slice.h"

#include <stdbool.h>
#include <stddef.h>

struct buf {
    char *ptr; /* owns; NULL while empty */
    size_t len, cap, max;
    bool failed; /* past max, or out of memory */
};

void buf_init(struct buf *, size_t max); /* allocates nothing */
void buf_fini(struct buf *);             /* frees and zeroes; fine twice */
void buf_clear(struct buf *);            /* len = 0, failed = false; keeps the memory */
bool buf_reserve(struct buf *, size_t more);
void buf_add(struct buf *, struct slice);
void buf_add_byte(struct buf *, char);
void buf_addf(struct buf *, const char *fmt, ...) PRINTF_LIKE(2, 3);
void buf_drop(struct buf *, size_t len); /* from the front */
struct slice buf_slice(const struct buf *);

#endif
