#ifndef TRANSPORT_LOG_IDS_H
#define TRANSPORT_LOG_IDS_H

/* Where in a segment an id stands first. Ids are hashed under the folder's own key; a hit is to be
 * checked against the record. The segment being written has a table in memory; a sealed one has its
 * entries on disk, sorted, and in memory a Bloom filter of two bytes an id that spares nearly every
 * look at the disk (measured: false in 0.3 %). */

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

struct id_filter {
    uint64_t *words; /* owns */
    uint32_t bits;
};

MUST_CHECK bool id_filter_init(struct id_filter *, uint32_t count); /* false: no memory */
void id_filter_add(struct id_filter *, uint64_t hash);
bool id_filter_may_have(const struct id_filter *, uint64_t hash);
void id_filter_free(struct id_filter *);

#endif
