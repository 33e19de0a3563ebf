#ifndef TRANSPORT_DISK_SEGMENT_H
#define TRANSPORT_DISK_SEGMENT_H

/* A segment as the process knows it. All under segments.lock, but for what never changes: the
 * header, and once it is sealed what it holds. */

#include "base/list.h"
#include "transport/disk/block.h"
#include "transport/disk/folder.h"
#include "transport/disk/id_filter.h"
#include "transport/disk/id_table.h"
#include "transport/disk/segment_header.h"
#include "transport/disk/segment_index.h"

struct segment {
    struct list node;
    unsigned users; /* readers that are at its file; with `dropped`, the last one frees it */
    bool dropped;

    struct segment_header header;
    char *before_id; /* owns what header.before_id borrows; NULL: none is known */
    char *last_id;   /* owns; what one behind it said that is no more; NULL: none did */
    size_t last_id_len;

    uint64_t length;       /* committed bytes */
    uint64_t synced;       /* of them on the disk, as far as is known */
    uint64_t space;        /* what it and its index take, or may still take */
    uint32_t count;        /* records */
    uint32_t span;         /* sequences, from header.first to its last record's */
    uint32_t last_offset;  /* of the last record that is not hidden; 0: none */
    uint32_t shown_span;   /* sequences up to that one; 0: none */
    uint64_t last_time_ms; /* wall clock, as in its records */
    int64_t last_boot_ms;  /* the same moment on CLOCK_BOOTTIME; of an earlier run: retention.c */
    int64_t first_boot_ms; /* of its first record; 0: of an earlier run */
    bool writing;          /* the last one */
    bool must_leave;       /* being written, and no good: the next commit begins another */
    bool lost;             /* before a break or damage: for dump alone */
    uint64_t patience_ends_ms; /* monotonic; 0: when it was last tried it could be read */
    bool damaged;              /* records before `valid` do not count */
    struct block valid;

    bool ready; /* blocks, and table or filter, are there */
    struct block *blocks;
    uint32_t block_count, block_cap;
    struct id_table table; /* until an index is on the disk */
    bool indexed;          /* it is: */
    struct id_filter filter;
    struct segment_entries entries;
};

struct segment *segment_new(const struct segment_header *);
void segment_free(struct segment *);
void segment_use(struct segment *);
void segment_leave(struct segment *);

struct position segment_last(const struct segment *); /* before, where it holds nothing */
/* The last one that is not hidden. False: nobody was shown any of it; then it is one before. */
bool segment_last_shown(const struct segment *, struct position *ret);
/* The last one that does not count: before `valid`. */
struct position segment_before_valid(const struct segment *);
bool segment_is_empty(const struct segment *); /* it holds nothing, and never did */
/* A record in its place: as the first of its block where it is that, and in the table, where its id
 * is one that is looked for (else NULL). */
void segment_add_record(struct segment *, struct block, const uint64_t *id_hash);

/* Its files, ".log" and ".idx"; false, -1: errno tells. */
MUST_CHECK int segment_open_file(const struct segment *, const struct folder *, const char *suffix,
                                 int flags);
/* Of one that nobody writes any more: what lies behind. */
MUST_CHECK bool segment_cut(const struct segment *, const struct folder *, uint64_t length);
/* As file_read_whole(). */
MUST_CHECK bool segment_read_file(const struct segment *, const struct folder *, const char *suffix,
                                  uint64_t max, char **ret, size_t *ret_len);
uint64_t segment_file_size(const struct segment *, const struct folder *, const char *suffix);

#endif
