#ifndef TRANSPORT_DISK_BLOCK_H
#define TRANSPORT_DISK_BLOCK_H

/* Where in a segment a record is; and, of the first record in each stretch of BLOCK_BYTES, a block:
 * the records that begin in one stretch are read at once. */

#include <stdint.h>

enum {
    BLOCK_BYTES = 64 * 1024,
};

struct block {
    uint32_t index, offset; /* its number in the segment, from 0; its first byte in the file */
};

#endif
