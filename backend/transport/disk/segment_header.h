#ifndef TRANSPORT_DISK_SEGMENT_HEADER_H
#define TRANSPORT_DISK_SEGMENT_HEADER_H

/* A file of the history: a header of SEGMENT_HEADER bytes, records (disk_record.h), zeros where
 * none was written yet. Beside a sealed one stands its index (segment_index.h). Pure. */

#include "base/hash.h"
#include "base/slice.h"
#include "transport/position.h"

enum {
    SEGMENT_VERSION = 3,       /* of headers and indexes */
    SEGMENT_VERSION_DENSE = 2, /* the same, of sequences without gaps: read, never written */
    SEGMENT_HEADER = 4096,
    SEGMENT_ID_MAX = 3900, /* a longer id of the predecessor is not kept in the header */
};

struct segment_header {
    uint64_t salt; /* a secret of the folder: disk_record.h */
    uint32_t crc;
    struct position first;       /* no record of it is before this one */
    uint64_t created_ms;         /* wall clock */
    struct position before;      /* the last committed one when this file was begun */
    struct position before_file; /* `first` of the file that holds it; sequence 0: none */
    uint64_t before_length;      /* how much of that file is committed */
    uint64_t before_time_ms;
    uint32_t before_count; /* records in it */
    bool is_dense;         /* the file before has as many records as sequences: none are counted */
    struct hash_key key;
    struct position before_shown; /* as `before`, of those that are not hidden; before_id is its */
    bool has_before_id;
    struct slice before_id; /* borrows what was read */
};

enum segment_state {
    SEGMENT_OK,
    SEGMENT_BAD,
    SEGMENT_OTHER_VERSION,
};

void segment_header_write(char out[SEGMENT_HEADER], struct segment_header *); /* sets crc */
MUST_CHECK enum segment_state segment_header_read(struct slice, struct segment_header *ret);

#endif
