#ifndef TRANSPORT_DISK_OPEN_SEGMENT_H
#define TRANSPORT_DISK_OPEN_SEGMENT_H

/* The segment that is written, and the step from one to the next. Without the lock. */

#include "base/error.h"
#include "transport/disk/segments.h"

/* Where the writing stands; the segment itself is segments->open. The writer alone. */
struct open_segment {
    struct segments *segments;
    uint64_t next_sequence, last_time_ms; /* the least that was not used */
    uint32_t previous_crc;
    struct position last; /* committed */
};

/* Begins the segment that follows `last`, for a record of this size (0: any); leaves the open one.
 * False: err says why; the next call tries again. */
MUST_CHECK bool open_segment_begin(struct open_segment *, uint64_t record_bytes, struct error *);
void open_segment_leave(struct segments *);
/* What a segment takes that is begun for a record of this size. */
uint64_t open_segment_space_for(const struct segments *, uint64_t record_bytes);

#endif
