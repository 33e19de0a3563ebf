#ifndef HUB_BOOKMARK_H
#define HUB_BOOKMARK_H

/* How far a walk through the index has come (hub/walk.h). The index keeps it true: whatever leaves
 * tells it, whether a walk is under way or not. */

#include "hub/pattern_entry.h"
#include "hub/subscription.h"
#include "transport/update.h"

/* False: the steps are spent, and it is to be called again with that stream. */
typedef bool walk_hit(struct stream *, void *context);

/* Embedded in the index. */
struct bookmark {
    const struct update *update; /* NULL: none is under way */
    walk_hit *hit;
    void *context;
    uint64_t stamp; /* one an update: a pattern that bears it has matched it already */
    uint32_t topic; /* the next to begin with */

    /* Of what the topic before that has met. */
    struct subscription *next; /* to be told */
    struct pattern_base *base; /* whose URL Patterns are to be looked up; NULL: none */
    uint32_t at, count;        /* of the candidates */
    uint32_t cap;
    struct pattern_entry **candidates; /* owns; NULL in it: left meanwhile */
};

static inline void
bookmark_forget_subscription(struct bookmark *b, const struct subscription *s)
{
    if (b->update && b->next == s)
        b->next = s->next;
}

static inline void
bookmark_forget_pattern(struct bookmark *b, const struct pattern_entry *p)
{
    if (b->update && p->candidate < b->count && b->candidates[p->candidate] == p)
        b->candidates[p->candidate] = NULL;
}

/* `next`: the base behind it; NULL: it was the last. */
static inline void
bookmark_forget_base(struct bookmark *b, const struct pattern_base *base, struct pattern_base *next)
{
    if (b->update && b->base == base)
        b->base = next;
}

#endif
