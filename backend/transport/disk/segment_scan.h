#ifndef TRANSPORT_DISK_SEGMENT_SCAN_H
#define TRANSPORT_DISK_SEGMENT_SCAN_H

/* The walk through a segment's file. Pure. */

#include "transport/disk/block.h"
#include "transport/disk/disk_record.h"
#include "transport/disk/segment_header.h"

/* What a walk through a segment tells. */
struct segment_scan {
    uint64_t length; /* behind the last good record */
    uint32_t count;  /* records that check */
    uint32_t span;   /* last.sequence - first + 1 */
    struct disk_record last;
    uint32_t last_offset;
    bool damaged;       /* bytes that were known to be on the disk do not check */
    struct block valid; /* the first record behind the youngest damage */
};

/* Walks through the records of `file` (header included). `accepted`: its committed length, where
 * known; then all that does not check before it is damage. 0: unknown; then the end is the first
 * record that does not check, and it is damage if one behind it was written when this one was known
 * to be on the disk (record.synced), else a tear. `each` may be NULL. */
void segment_scan(struct slice file, const struct segment_header *, uint64_t accepted,
                  void (*each)(void *, const struct disk_record *, struct block), void *context,
                  struct segment_scan *ret);

#endif
