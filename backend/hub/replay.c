/* replay - an update against the matchers of one stream, and then its grant.
 *
 * Live, the index knows whom a topic meets; a stream that reads alone has to ask its own matchers.
 * Exact ones are bisected, which a thousand of them hardly notice; patterns are tried one by one. A
 * step is taken for everything, so that the cheapest question is not free of charge, and the place
 * is kept: topic, matcher, and how far the grant was asked. */

#include "hub/replay.h"

#include "hub/walk.h"

enum {
    COMPARED_BYTES = 64 /* so many for a step */
};

static bool
has_exact(const struct replay_matchers *m, struct slice topic, uint64_t *steps)
{
    uint32_t low = 0, high = m->exact;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        struct slice text = index_exact_text(m->all[middle].entry);
        int order = slice_cmp(topic, text);
        match_take(steps, 1 + (text.len < topic.len ? text.len : topic.len) / COMPARED_BYTES);
        if (order == 0)
            return true;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return false;
}

/* From at->matcher on. */
static enum match
meets(struct index *ix, const struct replay_matchers *m, const struct topic *topic,
      struct replay *at, uint64_t *steps)
{
    if (at->matcher < m->exact) {
        if (has_exact(m, topic->text, steps))
            return MATCH_YES;
        at->matcher = m->exact;
    }
    for (; at->matcher < m->count; at->matcher++) {
        if (*steps == 0)
            return MATCH_LIMIT;
        if (walk_try(ix, &m->all[at->matcher], topic, steps) == MATCH_YES)
            return MATCH_YES;
    }
    return MATCH_NO;
}

/* Any of the topics. */
static enum match
meets_any(struct index *ix, const struct replay_matchers *m, const struct update *u,
          struct replay *at, uint64_t *steps)
{
    if (m->has_everything || at->is_met)
        return MATCH_YES;
    for (; at->topic < u->topic_count; at->topic++, at->matcher = 0) {
        if (*steps == 0)
            return MATCH_LIMIT;
        enum match answer = meets(ix, m, &u->topics[at->topic], at, steps);
        if (answer != MATCH_NO)
            return answer;
    }
    return MATCH_NO;
}

enum match
replay_meets(struct index *ix, const struct replay_matchers *m, const struct topic *topic,
             uint64_t *steps)
{
    struct replay at = {0};
    return m->has_everything ? MATCH_YES : meets(ix, m, topic, &at, steps);
}

enum match
replay_match(struct index *ix, const struct replay_matchers *m, const struct update *u,
             struct replay *at, uint64_t *steps)
{
    enum match answer = meets_any(ix, m, u, at, steps);
    at->is_met = answer == MATCH_YES;
    if (answer == MATCH_YES)
        answer = rights_memo_ask(m->grant, u, &at->judging, steps);
    if (answer != MATCH_LIMIT)
        *at = (struct replay){0};
    return answer;
}
