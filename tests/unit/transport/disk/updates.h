#ifndef UNIT_UPDATES_H
#define UNIT_UPDATES_H

/* Updates to be written, and records that lie. */

#include "base/alloc.h"
#include "fuzz/history.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* topics "t0", "t1"…; `size` bytes of data. Caller owns. */
static inline struct update *
make_update(const char *id, size_t topic_count, size_t size)
{
    char(*names)[16] = xalloc((topic_count + 1) * sizeof *names);
    struct slice *topics = xalloc((topic_count + 1) * sizeof *topics);
    char *data = xalloc(size + 1);
    bool too_large;
    for (size_t i = 0; i < topic_count; i++)
        topics[i] = SLICE_OF(names[i], (size_t)snprintf(names[i], sizeof names[i], "t%zu", i));
    memset(data, 'x', size);
    const struct update_parts parts = {.topics = topics,
                                       .topic_count = topic_count,
                                       .id = slice_of(id),
                                       .data = SLICE_OF(data, size)};
    struct update *u = update_new(&parts, 1 << 30, &too_large);
    ck_assert_ptr_nonnull(u);
    free(names);
    free(topics);
    free(data);
    return u;
}

/* The record of an update in a buffer of its own; caller frees. */
static inline struct slice
make_record(const struct update *u, uint64_t salt, struct disk_record *r)
{
    char *bytes = xalloc(disk_record_size(u));
    disk_record_write(bytes, u, salt, r);
    return SLICE_OF(bytes, disk_record_size(u));
}

#endif
