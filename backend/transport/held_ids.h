#ifndef TRANSPORT_HELD_IDS_H
#define TRANSPORT_HELD_IDS_H

/* Ids of updates that are held in memory: the earliest update of an id, in a time that does not
 * depend on how many are held. Updates are added in their order and dropped in the same. One
 * thread's. */

#include "transport/update.h"

/* One an update; the caller's memory, which stays where it is until it is dropped. */
struct held_id {
    struct held_id *next;         /* in the bucket; of the first of its hash alone */
    struct held_id *later, *last; /* of the same hash, by age; `last` of the first alone */
    uint64_t hash;
    const struct update *update; /* borrowed */
};

struct held_ids {
    struct held_id **buckets; /* owns */
    size_t mask;
};

void held_ids_init(struct held_ids *, size_t expected);
void held_ids_fini(struct held_ids *);
void held_ids_add(struct held_ids *, struct held_id *, const struct update *);
void held_ids_drop(struct held_ids *, struct held_id *); /* the earliest of all */
/* Borrowed; NULL: nobody has it. */
const struct update *held_ids_find(const struct held_ids *, struct slice id);

#endif
