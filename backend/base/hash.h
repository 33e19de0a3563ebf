#ifndef BASE_HASH_H
#define BASE_HASH_H

/* SipHash-1-3 under a key drawn once per process: peers choose topics and ids, so a table
 * that an unkeyed hash fills could be made a list. */

#include "base/slice.h"

struct hash_key {
    uint64_t words[2];
};

void hash_seed(void); /* once, before threads start */
uint64_t hash_slice(struct slice);

/* Under a key of the caller's: for tables that outlive the process. */
void hash_key_draw(struct hash_key *);
uint64_t hash_keyed(const struct hash_key *, struct slice);

#endif
