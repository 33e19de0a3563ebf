#ifndef TRANSPORT_DISK_SEGMENTS_H
#define TRANSPORT_DISK_SEGMENTS_H

/* The segments that a history holds, oldest to youngest, of which the last may be written: what
 * all threads of the store meet in. Functions are called under the lock unless said.
 *
 * Lock order: load_lock, lock. `lock` is never held over a sync. */

#include "transport/disk/folder.h"
#include "transport/disk/segment.h"
#include "transport/transport.h"

#include <pthread.h>

/* What a reader is told that comes from before what is held. */
struct removed {
    struct position position;
    char *id; /* owns; NULL: not known */
    size_t id_len;
};

struct segments {
    /* Set at the start, then read-only. */
    struct folder folder;
    uint64_t max_events, max_bytes, max_age_ms;
    uint64_t sync_interval_ms;        /* 0: every commit is synced */
    uint64_t file_bytes, file_events; /* what a segment takes, but for a single larger update */
    struct hash_key key;              /* of ids */
    uint64_t run;                     /* of what is written */
    uint64_t run_beside; /* of the history that it stands beside, and so its own; 0: it counts */

    pthread_mutex_t lock;
    struct list held;        /* oldest first */
    struct segment *open;    /* the last one if it is written; NULL: the next commit begins one */
    int fd;                  /* of it; -1: none. Closed by the writer; the keeper dups it */
    uint64_t used;           /* bytes, as segment.space, and the prepared file */
    uint64_t events;         /* in segments that are not lost */
    struct removed removed;  /* what anybody was shown of it */
    struct position dropped; /* up to here files went, also where the last were hidden records */
    struct position floor;   /* what stands there or behind it is not removed */
    bool prepared;           /* prepared_file.h */
    int64_t ages_from_ms; /* boot time from which on those of earlier runs grow old; 0: they do */

    pthread_mutex_t load_lock; /* one thread at a time loads or rebuilds an index */
};

void segments_init(struct segments *);
void segments_fini(struct segments *);

/* `id` is copied; NULL ptr: not known. */
void segments_set_removed(struct segments *, struct position, struct slice id);
void segments_move_removed(struct segments *, struct position, struct slice id); /* never back */

/* But the one being written; NULL: there is none. */
struct segment *segments_oldest(const struct segments *);
/* Its files go, and it with its last reader; what is removed does not move. */
void segments_drop(struct segments *, struct segment *);
/* None of these counts any more, from this node of `held` back to the oldest. */
void segments_lose(struct segments *, struct list *node);

/* It holds nothing, and never did. */
bool segments_is_new(const struct segments *);

/* Without the lock, which is held over no sync. */
struct position segments_removed(struct segments *);
void segments_stat(struct segments *, struct transport_stat *ret);

static inline struct segment *
segments_at(const struct list *node)
{
    return CONTAINER_OF(node, struct segment, node);
}

#endif
