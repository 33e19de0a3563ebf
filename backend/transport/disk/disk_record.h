#ifndef TRANSPORT_DISK_DISK_RECORD_H
#define TRANSPORT_DISK_DISK_RECORD_H

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
 *     44 u8 flags, u8 kind, u8 dialect (of begins and ends), 1 byte 0
 *     48 u64 seal      SipHash of all before it, under the segment's salt
 *     56 topics (u32 length, bytes), id, event, u64 same (of begins and carried ones), zeros
 *
 * The salt is drawn for each segment and leaves the folder never, so no payload holds what passes
 * for a record, whoever wrote it and however much of it there is; and that costs a look at 48 bytes
 * to know, whatever length they claim. */

#include "transport/update.h"

enum {
    DISK_RECORD_SEALED = 48,
    DISK_RECORD_HEAD = 56,
    DISK_RECORD_ALIGN = 8,
};

enum disk_record_flag {
    DISK_RECORD_PRIVATE = 1,
    DISK_RECORD_ID_KNOWN = 2,  /* an update with this id was held when this one came */
    DISK_RECORD_ID_CHOSEN = 4, /* by the publisher */
};

/* Hidden ones have a position, and are read by store_fold() alone. */
enum disk_record_kind {
    DISK_RECORD_PUBLISHED = UPDATE_PUBLISHED,
    DISK_RECORD_BEGIN = UPDATE_BEGIN,
    DISK_RECORD_END = UPDATE_END,
    DISK_RECORD_CARRIED, /* a begin once more, so that where it stood can be removed; hidden */
    DISK_RECORD_STOP,    /* the hub stopped in good order; hidden */
    DISK_RECORD_KINDS,
};

enum disk_record_state {
    DISK_RECORD_OK,
    DISK_RECORD_NONE, /* length 0: nothing was written here */
    DISK_RECORD_BAD,  /* cut, or it does not check, or says what is not known */
};

struct disk_record {
    uint32_t length, crc, previous, synced;
    uint64_t sequence, time_ms;
    uint8_t flags;
    enum disk_record_kind kind;
    enum dialect dialect;
    uint64_t same;
    uint32_t topic_count;
    struct slice topics, id, event; /* borrow the bytes read; topics are encoded */
};

size_t disk_record_size(const struct update *);
/* Writes disk_record_size() bytes: `update` under what `r` says of previous, synced, sequence,
 * time_ms, flags, kind and dialect (`same` is the update's). Sets r->length and r->crc. */
void disk_record_write(char *at, const struct update *update, uint64_t salt, struct disk_record *r);
/* Does the head of a record of this segment stand here? Its body may be torn all the same. */
MUST_CHECK bool disk_record_has_seal(struct slice bytes, uint64_t salt);
/* What a head says of itself, before anything of it was checked. */
struct disk_record_claim {
    uint32_t length;
    uint64_t sequence, time_ms;
};
struct disk_record_claim disk_record_peek(const char head[DISK_RECORD_HEAD]);

/* Reads the record that `bytes` begin with. */
MUST_CHECK enum disk_record_state disk_record_read(struct slice bytes, uint64_t salt,
                                                   struct disk_record *ret);
static inline bool
disk_record_is_hidden(enum disk_record_kind kind)
{
    return kind == DISK_RECORD_CARRIED || kind == DISK_RECORD_STOP;
}

/* Cuts the first topic off `*topics`; false at the end (they were checked by disk_record_read). */
bool disk_record_next_topic(struct slice *topics, struct slice *ret_topic);
/* The update of a record, that of a carried one a begin. NULL: no memory. Caller owns. */
MUST_CHECK struct update *disk_record_update(const struct disk_record *, uint64_t run);

#endif
