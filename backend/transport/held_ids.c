/* held_ids - chains by hash.
 *
 * A publisher may give one id again and again: a bucket has each hash once, and what shares it
 * hangs behind its first, so that no id makes others' chains long. The earliest of all is the first
 * of its hash, so whoever is dropped is found at once. There is no growing: who holds updates
 * knows about how many, and pages of buckets that were never touched take no memory. */

#include "transport/held_ids.h"

#include "base/alloc.h"
#include "base/hash.h"

#include <stdlib.h>

void
held_ids_init(struct held_ids *ids, size_t expected)
{
    size_t count = 1024;
    while (count < expected)
        count *= 2;
    ids->buckets = xalloc(count * sizeof *ids->buckets);
    ids->mask = count - 1;
}

void
held_ids_fini(struct held_ids *ids)
{
    free(ids->buckets);
    *ids = (struct held_ids){0};
}

static struct held_id **
place_of(const struct held_ids *ids, uint64_t hash)
{
    struct held_id **at = &ids->buckets[hash & ids->mask];
    while (*at && (*at)->hash != hash)
        at = &(*at)->next;
    return at;
}

void
held_ids_add(struct held_ids *ids, struct held_id *id, const struct update *u)
{
    *id = (struct held_id){.hash = hash_slice(u->id), .update = u};
    struct held_id **at = place_of(ids, id->hash);
    if (*at) {
        (*at)->last->later = id;
        (*at)->last = id;
    } else {
        id->last = id;
        *at = id;
    }
}

void
held_ids_drop(struct held_ids *ids, struct held_id *id)
{
    struct held_id **at = place_of(ids, id->hash);
    ENSURE(*at == id);
    *at = id->later ? id->later : id->next;
    if (id->later) {
        id->later->next = id->next;
        id->later->last = id->last;
    }
}

const struct update *
held_ids_find(const struct held_ids *ids, struct slice id)
{
    const struct held_id *at = *place_of(ids, hash_slice(id));
    while (at && !slice_eq(at->update->id, id))
        at = at->later;
    return at ? at->update : NULL;
}
