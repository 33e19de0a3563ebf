#ifndef TRANSPORT_DISK_STORE_H
#define TRANSPORT_DISK_STORE_H

/* The history on the disk (DESIGN.md, section 8). Three threads at most use it, each with a part:
 * one writes (writer.h), one reads (find.h, reader.h), one keeps house (chores.h); they meet in the
 * segments (segments.h), under whose lock is what they share.
 *
 * Only what is committed is seen by find and read. `removed` moves before a file goes. */

#include "transport/disk/reader.h"
#include "transport/disk/segments.h"
#include "transport/disk/writer.h"

struct store_settings {
    const char *path; /* of the folder; made where it is missing */
    uint64_t max_events, max_bytes, max_age_ms;
    uint64_t sync_interval_ms; /* 0: every commit is synced */
    size_t cache_bytes;        /* as reader.cache_bytes */
    bool unsafe_filesystem;
    bool only_reads; /* nothing is written, locked or repaired: no writer, no chores */
};

struct store {
    struct segments segments;
    struct writer writer;
    struct reader reader;
};

/* Locks, recovers, begins a segment of a new run. NULL: err names the path and why. */
MUST_CHECK struct store *store_open(const struct store_settings *, struct error *err);
void store_close(struct store **); /* no thread uses it any more */

#endif
