/* rights_memo - what rights answered about one update; grants that say the same share the answers.
 *
 * An open table by their address, emptied by counting its stamp up. It never holds more than
 * half of its slots, and no more than the distinct rights of one worker's streams.
 *
 * An update with many topics may take longer than a turn has steps for one set of rights alone. It
 * is asked about topic by topic, each with a bound of its own, and goes on where it was.
 *
 * What one gets wrong: between two turns rights may die, and others be born at their address. Who
 * has those came behind the update that is being matched, and is not asked about it. */

#include "hub/rights_memo.h"

#include "base/alloc.h"

#include <stdlib.h>

enum {
    FIRST_SLOTS = 64
};

struct rights_memo_slot {
    const struct rights *rights;
    uint64_t stamp;
    bool allowed;
};

void
rights_memo_init(struct rights_memo *j)
{
    *j = (struct rights_memo){.cap = FIRST_SLOTS, .stamp = 1};
    j->slots = xalloc(j->cap * sizeof *j->slots);
}

void
rights_memo_fini(struct rights_memo *j)
{
    free(j->slots);
    j->slots = NULL;
}

void
rights_memo_next(struct rights_memo *j)
{
    j->stamp++;
    j->count = 0;
    j->asked = NULL;
}

/* The one of those rights, or the free one where it belongs. */
static struct rights_memo_slot *
find(const struct rights_memo *j, const struct rights *rights)
{
    size_t at = (size_t)(((uintptr_t)rights >> 4) * UINT64_C(0x9e3779b97f4a7c15) >> 32);
    for (;; at++) {
        struct rights_memo_slot *slot = &j->slots[at & (j->cap - 1)];
        if (slot->stamp != j->stamp || slot->rights == rights)
            return slot;
    }
}

static void
grow(struct rights_memo *j)
{
    struct rights_memo_slot *old = j->slots;
    size_t count = j->cap;
    j->cap *= 2;
    j->slots = xalloc(j->cap * sizeof *j->slots);
    for (size_t i = 0; i < count; i++)
        if (old[i].stamp == j->stamp)
            *find(j, old[i].rights) = old[i];
    free(old);
}

enum match
rights_memo_ask(const struct grant *g, const struct update *u, struct judging *at, uint64_t *steps)
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
rights_memo_may_get(struct rights_memo *j, const struct grant *g, const struct update *u,
                    uint64_t *steps)
{
    if (!u->is_private)
        return MATCH_YES;
    if (g == NULL)
        return MATCH_NO;
    struct rights_memo_slot *slot = find(j, g->rights);
    if (slot->stamp == j->stamp)
        return slot->allowed ? MATCH_YES : MATCH_NO;
    if (j->asked != g->rights)
        j->judging = (struct judging){0}; /* whoever was being asked has left */
    j->asked = g->rights;
    enum match answer = rights_memo_ask(g, u, &j->judging, steps);
    if (answer == MATCH_LIMIT)
        return answer;
    j->asked = NULL;
    *slot = (struct rights_memo_slot){g->rights, j->stamp, answer == MATCH_YES};
    if (++j->count > j->cap / 2)
        grow(j);
    return answer;
}
