/* judged - the answers that rights gave about one update; grants that say the same share theirs.
 *
 * An open table by their address, emptied by counting its stamp up. It never holds more than
 * half of its slots, and no more than the distinct rights of one worker's streams.
 *
 * An update with many topics may take longer than a turn has steps for one set of rights alone. It
 * is asked about topic by topic, each with a bound of its own, and goes on where it was.
 *
 * What one gets wrong: between two turns rights may die, and others be born at their address. Who
 * has those came behind the update that is being matched, and is not asked about it. */

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
    j->asked = NULL;
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

enum match
grant_may_get(const struct grant *g, const struct update *u, struct judging *at, uint64_t *steps)
{
    if (!u->is_private)
        return MATCH_YES;
    bool allowed = false;
    if (g && at->topic == 0)
        at->left = rights_budget(g->rights, u->topic_count);
    for (; g && !allowed && at->topic < u->topic_count; at->topic++) {
        if (*steps == 0)
            return MATCH_LIMIT;
        const struct topic *topic = &u->topics[at->topic];
        uint64_t one = rights_budget(g->rights, 1), most = at->left < one ? at->left : one,
                 left = most;
        match_take(steps, 1 + rights_prepare(g->rights, topic));
        allowed = rights_allow(g->rights, ROLE_SUBSCRIBE, topic, &left);
        at->left -= most - left;
        match_take(steps, most - left);
    }
    *at = (struct judging){0};
    return allowed ? MATCH_YES : MATCH_NO;
}

enum match
judged_may_get(struct judged *j, const struct grant *g, const struct update *u, uint64_t *steps)
{
    if (!u->is_private)
        return MATCH_YES;
    if (g == NULL)
        return MATCH_NO;
    struct judged_slot *slot = find(j, g->rights);
    if (slot->stamp == j->stamp)
        return slot->allowed ? MATCH_YES : MATCH_NO;
    if (j->asked != g->rights)
        j->judging = (struct judging){0}; /* whoever was being asked has left */
    j->asked = g->rights;
    enum match answer = grant_may_get(g, u, &j->judging, steps);
    if (answer == MATCH_LIMIT)
        return answer;
    j->asked = NULL;
    *slot = (struct judged_slot){g->rights, j->stamp, answer == MATCH_YES};
    if (++j->count > j->cap / 2)
        grow(j);
    return answer;
}
