#ifndef TRANSPORT_LOG_RECORD_H
#define TRANSPORT_LOG_RECORD_H

/* One update on disk (DESIGN.md, section 8). Pure: bytes in, bytes out. Integers are little-endian,
 * a record begins and ends at a multiple of 8:
 *
 *      0 u32 length     of the whole, padding included; never 0
 *      4 u32 crc        CRC-32C over the length and all behind this field, begun with the
 *                       segment's salt: a payload cannot hold what looks like a record
 *      8 u32 previous   the crc of the record before; of a segment's first, that of its header
 *     12 u32 synced     up to here the segment was known to be on the disk when this was written
 *     16 u64 sequence
 *     24 u64 time       milliseconds since 1970; never less than the record's before
 *     32 u32 topics     how many
 *     36 u32 id         bytes
 *     40 u32 event      bytes
 *     44 u8 flags, 3 bytes 0
 *     48 topics (u32 length, bytes), id, event, zeros */

#include "transport/update.h"

enum {
    RECORD_HEAD = 48,
    RECORD_ALIGN = 8,
};

enum log_record_flag {
    RECORD_PRIVATE = 1,
    RECORD_ID_KNOWN = 2,  /* an update with this id was held when this one came */
    RECORD_ID_CHOSEN = 4, /* by the publisher */
};

enum log_record_state {
    RECORD_OK,
    RECORD_NONE, /* length 0: nothing was written here */
    RECORD_BAD,  /* cut, or it does not check */
};

struct log_record {
    uint32_t length, crc, previous, synced;
    uint64_t sequence, time_ms;
    uint8_t flags;
    uint32_t topic_count;
    struct slice topics, id, event; /* borrow the bytes read; topics are encoded */
};

/* Begun with ~0 and ended with ~, this is the CRC-32C that everybody knows. */
uint32_t log_record_crc(uint32_t begin, struct slice);

size_t log_record_size(const struct update *);
/* Writes log_record_size() bytes: `update` under what `r` says of previous, synced, sequence,
 * time_ms and flags. Sets r->length and r->crc. */
void log_record_write(char *at, const struct update *update, uint32_t salt, struct log_record *r);
/* Reads the record that `bytes` begin with. */
MUST_CHECK enum log_record_state log_record_read(struct slice bytes, uint32_t salt,
                                                 struct log_record *ret);
/* Cuts the first topic off `*topics`; false at the end (they were checked by log_record_read). */
bool log_record_next_topic(struct slice *topics, struct slice *ret_topic);
/* The update of a record. NULL: no memory. Caller owns. */
MUST_CHECK struct update *log_record_update(const struct log_record *, uint64_t run);

#endif
