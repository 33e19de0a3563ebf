/* judged - the answers that rights gave about one update; grants that say the same share theirs.
 *
 * An open table by their address, emptied by counting its stamp up. It never holds more than
 * half of its slots, and no more than the distinct rights of one worker's streams. */

#include "hub/judged.h"

#include "base/alloc.h"

#include <stdlib.h>

enum {
    FIRST_SLOTS = 64
};

struct judged_slot {
    const struct rights *rights;
    uint64_t stamp;
    bool allowed;
};

void
judged_init(struct judged *j)
{
    *j = (struct judged){.cap = FIRST_SLOTS, .stamp = 1};
    j->slots = xalloc(j->cap * sizeof *j->slots);
}

void
judged_fini(struct judged *j)
{
    free(j->slots);
    j->slots = NULL;
}

void
judged_next(struct judged *j)
{
    j->stamp++;
    j->count = 0;
}

/* The one of those rights, or the free one where it belongs. */
static struct judged_slot *
find(const struct judged *j, const struct rights *rights)
{
    size_t at = (size_t)(((uintptr_t)rights >> 4) * UINT64_C(0x9e3779b97f4a7c15) >> 32);
    for (;; at++) {
        struct judged_slot *slot = &j->slots[at & (j->cap - 1)];
        if (slot->stamp != j->stamp || slot->rights == rights)
            return slot;
    }
}

static void
grow(struct judged *j)
{
    struct judged_slot *old = j->slots;
    size_t count = j->cap;
    j->cap *= 2;
    j->slots = xalloc(j->cap * sizeof *j->slots);
    for (size_t i = 0; i < count; i++)
        if (old[i].stamp == j->stamp)
            *find(j, old[i].rights) = old[i];
    free(old);
}

bool
grant_may_get(const struct grant *g, const struct update *u)
{
    if (!u->is_private)
        return true;
    uint64_t steps = rights_budget(u->topic_count);
    for (uint32_t i = 0; g && i < u->topic_count; i++)
        if (rights_allow(g->rights, ROLE_SUBSCRIBE, &u->topics[i], &steps))
            return true;
    return false;
}

bool
judged_may_get(struct judged *j, const struct grant *g, const struct update *u)
{
    if (!u->is_private)
        return true;
    if (g == NULL)
        return false;
    struct judged_slot *slot = find(j, g->rights);
    if (slot->stamp == j->stamp)
        return slot->allowed;
    bool allowed = grant_may_get(g, u);
    *slot = (struct judged_slot){g->rights, j->stamp, allowed};
    if (++j->count > j->cap / 2)
        grow(j);
    return allowed;
}
