#ifndef TRANSPORT_DISK_ID_FILTER_H
#define TRANSPORT_DISK_ID_FILTER_H

/* A Bloom filter of two bytes an id, which spares nearly every look at a sealed segment's index on
 * the disk (measured: false in 0.3 %). */

#include "base/slice.h"

struct id_filter {
    uint64_t *words; /* owns */
    uint32_t bits;
};

MUST_CHECK bool id_filter_init(struct id_filter *, uint32_t count); /* false: no memory */
void id_filter_add(struct id_filter *, uint64_t hash);
bool id_filter_may_have(const struct id_filter *, uint64_t hash);
void id_filter_free(struct id_filter *);

#endif
