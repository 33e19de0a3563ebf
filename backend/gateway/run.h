#ifndef GATEWAY_RUN_H
#define GATEWAY_RUN_H

/* Updates as the bytes of a wire, and several small ones as one run of them. */

#include "transport/update.h"

#include <sys/uio.h>

enum {
    RUN_PARTS = 64,  /* pieces of one write */
    RUN_SCRATCH = 8, /* bytes of framing for a piece */
};

/* How a wire frames updates; `mark` is what tells its connections, or their requests, apart. */
struct framing {
    /* The bytes of `u` from `offset` on, as at most `room` parts (> 1). Part i may be made in
     * scratch[i]. Returns the parts filled; at most one place is left free where they do not
     * suffice. */
    unsigned (*frame)(const struct update *u, uint16_t mark, size_t offset, struct iovec *parts,
                      unsigned room, char (*scratch)[RUN_SCRATCH]);
    size_t (*size)(const struct update *u, uint16_t mark);
    bool is_whole; /* an update is one part, always */
};

/* One write's worth of updates[0..], the first from `offset`. Returns the parts. */
unsigned run_parts(const struct framing *, struct update *const *updates, size_t count,
                   uint16_t mark, size_t offset, struct iovec *parts, char (*scratch)[RUN_SCRATCH]);
/* Bytes of the first of these updates, as many as fit; empty: they are not small. They stay until
 * the next call on this thread. */
struct slice run_bytes(const struct framing *, struct update *const *updates, size_t count,
                       uint16_t mark);

#endif
