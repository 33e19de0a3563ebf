#ifndef TRANSPORT_LOG_SEGMENT_H
#define TRANSPORT_LOG_SEGMENT_H

/* A file of the history: a header of SEGMENT_HEADER bytes, records, zeros where none was written
 * yet. Beside a sealed one stands its index. Reading is pure but for segment_index_write(). */

#include "base/error.h"
#include "base/hash.h"
#include "transport/log/ids.h"
#include "transport/log/record.h"

enum {
    SEGMENT_VERSION = 2,
    SEGMENT_HEADER = 4096,
    SEGMENT_ID_MAX = 3900,     /* a longer id of the predecessor is not kept in the header */
    SEGMENT_BLOCK = 64 * 1024, /* records that begin in one such stretch are read at once */
    SEGMENT_NAME = 64,
};

struct segment_header {
    uint64_t salt; /* a secret of the folder: record.h */
    uint32_t crc;
    struct position first;       /* of the record that comes first, if one does */
    uint64_t created_ms;         /* wall clock */
    struct position before;      /* the last committed one when this file was begun */
    struct position before_file; /* `first` of the file that holds it; sequence 0: none */
    uint64_t before_length;      /* how much of that file is committed */
    uint64_t before_time_ms;
    struct hash_key key;
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

/* "<run>-<sequence>.log" and ".idx", 16 hexadecimal digits each. */
void segment_name(char out[SEGMENT_NAME], struct position first, const char *suffix);
MUST_CHECK bool segment_name_read(const char *name, const char *suffix, struct position *ret);

/* Where the first record of a stretch is: its number in the segment, and its offset. */
struct block {
    uint32_t index, offset;
};

/* What a walk through a segment tells. */
struct segment_scan {
    uint64_t length; /* behind the last good record */
    uint32_t count;  /* last.sequence - first + 1 */
    struct log_record last;
    uint32_t last_offset;
    bool damaged;       /* bytes that were known to be on the disk do not check */
    struct block valid; /* the first record behind the youngest damage */
};

/* Walks through the records of `file` (header included). `accepted`: its committed length, where
 * known; then all that does not check before it is damage. 0: unknown; then the end is the first
 * record that does not check, and it is damage if one behind it was written when this one was known
 * to be on the disk (record.synced), else a tear. `each` may be NULL. */
void segment_scan(struct slice file, const struct segment_header *, uint64_t accepted,
                  void (*each)(void *, const struct log_record *, struct block), void *context,
                  struct segment_scan *ret);

/* --- the index beside a sealed segment ---------------------------------------------------------
 */

struct segment_index {
    struct position first;
    uint64_t salt; /* of its segment */
    uint32_t count, last_offset, block_count, entry_count;
    uint64_t length, last_time_ms;
    const struct block *blocks; /* borrowed by writing; owned after reading */
};

enum {
    SEGMENT_INDEX_HEAD = 80,
    SEGMENT_BLOCK_BYTES = 8,
    SEGMENT_ENTRY_BYTES = 12,
};

/* Bytes of the file. */
uint64_t segment_index_size(uint64_t blocks, uint64_t entries);
/* `entries` sorted by hash. NULL: no memory; caller frees. */
MUST_CHECK char *segment_index_make(const struct segment_index *, const struct id_entry *entries);
/* Checks everything. ret->blocks is new; the caller frees it. */
MUST_CHECK bool segment_index_read(struct slice file, struct segment_index *ret);
struct id_entry segment_entry_read(const char *at);

#endif
