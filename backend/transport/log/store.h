#ifndef TRANSPORT_LOG_STORE_H
#define TRANSPORT_LOG_STORE_H

/* The folder of a history (DESIGN.md, section 8): segments oldest to youngest, of which the last
 * is written. Three threads at most use it: one writes (store_begin, store_commit, store_tick),
 * one reads (store_find, store_read), one keeps house (store_chore); all else is stated.
 *
 * Only what is committed is seen by find and read. `removed` moves before a file goes. */

#include "base/error.h"
#include "base/hash.h"
#include "base/list.h"
#include "transport/batch.h"
#include "transport/log/segment.h"
#include "transport/transport.h"

#include <pthread.h>

struct store_settings {
    const char *path; /* of the folder; made where it is missing */
    uint64_t max_events, max_bytes, max_age_ms;
    uint64_t sync_interval_ms; /* 0: every commit is synced */
    size_t cache_bytes;        /* decoded pieces kept for others that read the same */
    bool unsafe_filesystem;
    bool only_reads; /* nothing is written, locked or repaired: store_find and store_read alone */
};

/* A segment as the process knows it. Under store.lock, but for what never changes. */
struct segment {
    struct list node;
    unsigned users; /* readers that are at its file; with `dropped`, the last one frees it */
    bool dropped;

    struct segment_header header; /* has no before_id here */
    char *before_id;              /* owns; NULL: none is known */
    size_t before_id_len;

    uint64_t length;           /* committed bytes */
    uint64_t synced;           /* of them on the disk, as far as is known */
    uint64_t space;            /* what it and its index take, or may still take */
    uint32_t count;            /* records */
    uint32_t last_offset;      /* of the last record; 0: none */
    uint64_t last_time_ms;     /* wall clock, as in its records */
    int64_t last_boot_ms;      /* the same moment on CLOCK_BOOTTIME; of an earlier run: room.c */
    int64_t first_boot_ms;     /* of its first record; 0: of an earlier run */
    bool writing;              /* the last one */
    bool must_leave;           /* being written, and no good: the next commit begins another */
    bool lost;                 /* before a break or damage: for dump alone */
    uint64_t patience_ends_ms; /* monotonic; 0: when it was last tried it could be read */
    bool damaged;              /* records before `valid` do not count */
    struct block valid;

    bool ready; /* blocks, and table or filter, are there */
    struct block *blocks;
    uint32_t block_count, block_cap;
    struct id_table table; /* until an index is on the disk */
    struct id_filter filter;
    uint32_t entry_count; /* on the disk; entries_at: where */
    uint64_t entries_at;
    bool indexed;
};

struct removed {
    struct position position;
    char *id; /* owns; NULL: not known */
    size_t id_len;
};

enum {
    CACHED_PIECES = 64
};

struct cached_piece {
    struct position first; /* of its segment */
    uint32_t block, end;   /* its number, and the offset behind it */
    uint64_t used;
    struct batch *piece; /* owns a reference; NULL: free */
};

struct store {
    /* Set by store_open(), then read-only. */
    struct store_settings settings;
    char *path;
    int folder, lock_file;
    struct hash_key key;
    uint64_t run, segment_bytes, segment_events;

    pthread_mutex_t lock;
    struct list segments; /* oldest first */
    struct segment *open; /* the last one if it is written; NULL: the next commit begins one */
    uint64_t used;        /* bytes, as segment.space, and the prepared file */
    uint64_t events;      /* in segments that are not lost */
    struct removed removed;
    bool prepared, trouble;
    int64_t ages_from_ms; /* boot time from which on those of earlier runs grow old; 0: they do */
    bool new_segments;    /* for the keeper: something to seal, index or prepare */

    pthread_mutex_t load_lock; /* one thread at a time loads or rebuilds an index; before `lock` */

    /* The writer alone. */
    int fd; /* of the open segment; the keeper dups it under lock */
    uint64_t next_sequence, last_time_ms, retry_at_ms;
    uint32_t previous_crc;
    struct position last; /* committed */
    char *buffer;
    size_t buffer_size;
    struct id_table batch_ids;

    /* The reader alone. */
    struct cached_piece cache[CACHED_PIECES];
    size_t cached_bytes;
    uint64_t clock;
};

/* Locks, recovers, begins a segment of a new run. NULL: err names the path and why. */
MUST_CHECK struct store *store_open(const struct store_settings *, struct error *err);
void store_close(struct store **); /* no thread uses it any more */

/* --- the writer --- */

enum store_readiness {
    STORE_READY,
    STORE_TOO_LARGE, /* the first of them, for ever and whatever is removed; nothing has changed */
    STORE_NO_ROOM,   /* the first of them, now: it wants a file of its own, which cannot be had */
    STORE_FAILED,    /* none of them can be taken now */
};

/* Makes the open segment take at least the first of these updates; else err says why not.
 * *ret_count: how many one commit may hold. */
MUST_CHECK enum store_readiness store_begin(struct store *, struct update *const *, uint32_t count,
                                            uint32_t *ret_count, struct error *err);
/* Gives positions and commits: written, and synced where every commit is. The batch has what
 * store_begin() allowed. False: nothing of it is confirmed, its positions are burnt. */
MUST_CHECK bool store_commit(struct store *, struct batch *, struct error *err);
/* The same for updates of another history (`alipes history restore`): past[i] is what was known of
 * updates[i] there. Times do not go back here either. */
struct store_past {
    uint64_t time_ms;
    bool id_was_known;
};
MUST_CHECK bool store_commit_past(struct store *, struct batch *, const struct store_past *past,
                                  struct error *err);
/* Begins the segment that follows `last`, for a record of this size; leaves the open one. */
MUST_CHECK bool store_roll(struct store *, uint64_t record_bytes, struct error *);
/* Seals by age. Returns in how many milliseconds it wants to be called again. */
uint64_t store_tick(struct store *);
/* Would a commit go through? After a failure it tries, at most every RETRY_MS. */
bool store_is_well(struct store *);

/* Any thread: waits for `lock`, which is held over no sync. */
void store_stat(struct store *, struct transport_stat *ret);

/* --- the reader --- */

/* False: that cannot be told now. */
MUST_CHECK bool store_find(struct store *, struct slice id, bool *ret_found, struct position *ret);
/* As transport_read: *after is set with from_removed. `gone` too where it cannot be read now. */
void store_read(struct store *, bool from_removed, struct position *after, bool *ret_gone,
                struct batch **ret_piece);

/* --- the keeper --- */

/* One piece of work: cuts and indexes sealed segments, prepares the next, removes by age, syncs.
 * Returns in how many milliseconds there is more to do; 0: at once. */
uint64_t store_chore(struct store *);

#endif
