#ifndef TRANSPORT_DISK_SEGMENT_INDEX_H
#define TRANSPORT_DISK_SEGMENT_INDEX_H

/* The file beside a sealed segment: its blocks, and its ids' entries, sorted by hash. */

#include "transport/disk/block.h"
#include "transport/disk/id_filter.h"
#include "transport/disk/id_table.h"
#include "transport/position.h"

struct segment_index {
    struct position first;
    uint64_t salt; /* of its segment */
    uint32_t count, span, last_offset, block_count, entry_count;
    uint64_t length, last_time_ms;
    const struct block *blocks; /* borrowed by writing; owned after reading */
};

/* Where its entries are. */
struct segment_entries {
    uint64_t at;
    uint32_t count;
};

/* Bytes of the file. */
uint64_t segment_index_size(uint64_t blocks, uint64_t entries);
struct segment_entries segment_index_entries(const struct segment_index *);
/* `entries` sorted by hash. NULL: no memory; caller frees. */
MUST_CHECK char *segment_index_make(const struct segment_index *, const struct id_entry *entries);
/* Checks everything. ret->blocks is new; the caller frees it. */
MUST_CHECK bool segment_index_read(struct slice file, struct segment_index *ret);
/* A filter of what segment_index_read() found. False: no memory. */
MUST_CHECK bool segment_index_filter(struct slice file, const struct segment_index *,
                                     struct id_filter *ret);
/* *ret: the offset that the index in `fd` has for the hash; 0: none. False: it could not be read.
 */
MUST_CHECK bool segment_index_search(int fd, const struct segment_entries *, uint64_t hash,
                                     uint32_t *ret);

#endif
