#ifndef HUB_LINEAR_HASH_H
#define HUB_LINEAR_HASH_H

/* What streams subscribe to, interned: a hash table that grows and shrinks by one bucket at a time,
 * so that no call takes long however many entries there are. One thread. */

#include "base/slice.h"

#include <stddef.h>

struct subscription;

/* Embedded first in what is found. */
struct entry {
    struct entry *next;
    struct subscription *first; /* the newest of those who subscribe to it */
    uint32_t hash;
    uint32_t len : 31; /* of an exact topic's text */
    uint32_t is_pattern : 1;
    uint32_t share; /* of whoever brought it (hub/shares.h) */
};
/* The text stands close behind: a million of them are half a cache line shorter for it. */
#define ENTRY_TEXT_AT (offsetof(struct entry, share) + sizeof(uint32_t))

struct linear_hash {
    struct entry **buckets; /* owns */
    size_t bucket_count, cap, count;
    size_t round; /* a power of two: buckets below it, in this round's beginning */
};

void linear_hash_init(struct linear_hash *);
void linear_hash_fini(struct linear_hash *); /* none is left */
/* NULL: none. */
struct entry *linear_hash_find(const struct linear_hash *, uint32_t hash,
                               bool (*is)(const struct entry *, const void *what),
                               const void *what);
void linear_hash_add(struct linear_hash *, struct entry *);
void linear_hash_remove(struct linear_hash *, struct entry *);

#endif
