#ifndef TRANSPORT_DISK_DAMAGE_H
#define TRANSPORT_DISK_DAMAGE_H

/* What is to be thought of a segment whose bytes do not come, or do not check. */

#include "transport/disk/segment_scan.h"
#include "transport/disk/segments.h"

enum damage_look {
    DAMAGE_NONE,
    DAMAGE_FOUND,
    DAMAGE_UNREADABLE, /* errno tells */
};

/* Walks through the first `length` bytes of its file, as segment_scan(). Without the lock. */
MUST_CHECK enum damage_look
damage_look_through(const struct segments *, const struct segment *, uint64_t length,
                    void (*each)(void *, const struct disk_record *, struct block), void *context,
                    struct segment_scan *ret);

enum damage_judgement {
    DAMAGE_IS_WELL, /* nothing is wrong with it: look again */
    DAMAGE_NOT_NOW, /* it cannot be read: look again later */
    DAMAGE_IS_LOST, /* replay begins behind its damage, or behind it; or it has gone */
};

/* After bytes that did not come, or did not check (`what`, for the log): looks through the file.
 * Without the lock. */
MUST_CHECK enum damage_judgement damage_judge(struct segments *, struct segment *,
                                              const char *what);

#endif
