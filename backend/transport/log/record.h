#ifndef TRANSPORT_LOG_RECORD_H
#define TRANSPORT_LOG_RECORD_H

/* One update on disk (DESIGN.md, section 8). Pure: bytes in, bytes out. Integers are little-endian,
 * a record begins and ends at a multiple of 8:
 *
 *      0 u32 length     of the whole, padding included; never 0
 *      4 u32 crc        CRC-32C over all but itself and the seal, begun with the segment's salt
 *      8 u32 previous   the crc of the record before; of a segment's first, that of its header
 *     12 u32 synced     up to here the segment was known to be on the disk when this was written
 *     16 u64 sequence
 *     24 u64 time       milliseconds since 1970; never less than the record's before
 *     32 u32 topics     how many
 *     36 u32 id         bytes
 *     40 u32 event      bytes
 *     44 u8 flags, 3 bytes 0
 *     48 u64 seal      SipHash of all before it, under the segment's salt
 *     56 topics (u32 length, bytes), id, event, zeros
 *
 * The salt is drawn for each segment and leaves the folder never, so no payload holds what passes
 * for a record, whoever wrote it and however much of it there is; and that costs a look at 48 bytes
 * to know, whatever length they claim. */

#include "transport/update.h"

enum {
    RECORD_SEALED = 48,
    RECORD_HEAD = 56,
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
void log_record_write(char *at, const struct update *update, uint64_t salt, struct log_record *r);
/* Does the head of a record of this segment stand here? Its body may be torn all the same. */
MUST_CHECK bool log_record_has_seal(struct slice bytes, uint64_t salt);
/* Reads the record that `bytes` begin with. */
MUST_CHECK enum log_record_state log_record_read(struct slice bytes, uint64_t salt,
                                                 struct log_record *ret);
/* Cuts the first topic off `*topics`; false at the end (they were checked by log_record_read). */
bool log_record_next_topic(struct slice *topics, struct slice *ret_topic);
/* The update of a record. NULL: no memory. Caller owns. */
MUST_CHECK struct update *log_record_update(const struct log_record *, uint64_t run);

#endif
