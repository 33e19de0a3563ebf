#ifndef TRANSPORT_DISK_ID_TABLE_H
#define TRANSPORT_DISK_ID_TABLE_H

/* Where in a segment an id stands first. Ids are hashed under the folder's own key; a hit is to be
 * checked against the record. The segment being written has a table in memory; a sealed one has its
 * entries on disk, sorted (segment_index.h), and a filter of them (id_filter.h). */

#include "base/slice.h"

struct id_entry {
    uint64_t hash;
    uint32_t offset;
};

/* hash -> the first offset given with it. offset 0: a free place. */
struct id_table {
    struct id_entry *entries; /* owns */
    uint32_t count, cap;      /* cap: 0 or a power of two */
};

void id_table_add(struct id_table *, uint64_t hash, uint32_t offset); /* the first stays */
uint32_t id_table_find(const struct id_table *, uint64_t hash);       /* 0: not there */
void id_table_clear(struct id_table *);                               /* keeps the memory */
void id_table_free(struct id_table *);
/* A new array of table.count entries, sorted by hash. NULL: no memory, or the table is empty. */
struct id_entry *id_table_sorted(const struct id_table *);

#endif
