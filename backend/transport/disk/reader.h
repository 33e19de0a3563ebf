#ifndef TRANSPORT_DISK_READER_H
#define TRANSPORT_DISK_READER_H

/* Reads of what is committed, a piece at a time. */

#include "transport/batch.h"
#include "transport/disk/segments.h"

enum {
    READER_PIECES = 64
};

struct reader_piece {
    struct position first; /* of its segment */
    uint32_t block, end;   /* its number, and the offset behind it */
    uint64_t used;
    struct batch *piece; /* owns a reference; NULL: free */
};

/* One thread alone. Zeros but for `segments` and `cache_bytes` before the first read. */
struct reader {
    struct segments *segments;
    size_t cache_bytes; /* decoded pieces are kept for others that read the same */
    struct reader_piece cache[READER_PIECES];
    size_t cached_bytes;
    uint64_t clock;
};

void reader_fini(struct reader *);
/* As transport_read: *after is set with from_removed. `gone` too where it cannot be read now. */
void reader_read(struct reader *, bool from_removed, struct position *after, bool *ret_gone,
                 struct batch **ret_piece);

#endif
