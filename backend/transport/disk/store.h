#ifndef TRANSPORT_DISK_STORE_H
#define TRANSPORT_DISK_STORE_H

/* The history on the disk (DESIGN.md, section 8). Three threads at most use it, each with a part:
 * one writes (writer.h), one reads (find.h, reader.h), one keeps house (chores.h); they meet in the
 * segments (segments.h), under whose lock is what they share.
 *
 * Only what is committed is seen by find and read. `removed` moves before a file goes. */

#include "transport/disk/fold.h"
#include "transport/disk/reader.h"
#include "transport/disk/segments.h"
#include "transport/disk/writer.h"

struct store_settings {
    const char *path; /* of the folder; made where it is missing */
    uint64_t max_events, max_bytes, max_age_ms;
    uint64_t sync_interval_ms; /* 0: every commit is synced */
    size_t cache_bytes;        /* as reader.cache_bytes */
    bool unsafe_filesystem;
    uint64_t run; /* 0: one more than its last; else as the history's that it stands beside */
    /* All its records, before anything is removed; NULL: nobody wants them. */
    void (*fold)(void *, const struct fold_record *);
    void *fold_context;
    bool only_reads; /* nothing is written, locked or repaired: no writer, no chores */
};

struct store {
    struct segments segments;
    struct writer writer;
    struct reader reader;
};

/* Locks, recovers, begins a segment of a new run. NULL: err names the path and why. */
MUST_CHECK struct store *store_open(const struct store_settings *, struct error *err);
/* The store of begins and ends that stands beside an open history, in its folder `subscriptions`
 * and in its order: of its run, and what it holds of a later one was another history's, so it goes.
 * Ids that it holds are known to the history's writer. `path` and `run` of the settings are not
 * looked at. The bounds of a start may remove begins of what is active: retention_wants() tells. */
MUST_CHECK struct store *store_open_beside(struct store *history, const struct store_settings *,
                                           struct error *err);
/* Is there one? */
bool store_has_beside(const struct store *history);
void store_close(struct store **); /* no thread uses it any more; the one beside another first */

#endif
