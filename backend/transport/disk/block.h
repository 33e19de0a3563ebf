#ifndef TRANSPORT_DISK_BLOCK_H
#define TRANSPORT_DISK_BLOCK_H

/* Where in a segment a record is; and, of the first record in each stretch of BLOCK_BYTES, a block:
 * the records that begin in one stretch are read at once.
 *
 * What one gets wrong: sequences have gaps, for a history may have a store beside it in the same
 * order. So the index of a record says what comes before it, not where it stands itself: behind the
 * sequence header.first + index - 1 it is the first. */

#include <stdint.h>

enum {
    BLOCK_BYTES = 64 * 1024,
};

struct block {
    uint32_t index, offset; /* sequences of the segment up to it, from 0; its first byte */
};

#endif
