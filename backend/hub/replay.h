#ifndef HUB_REPLAY_H
#define HUB_REPLAY_H

/* Is this update of the history one for that stream? One stream, one update, in as many turns as it
 * takes. */

#include "hub/index.h"
#include "hub/rights_memo.h"

/* How far a stream has come with the update behind its position. All 0: not begun. */
struct replay {
    uint32_t topic, matcher : 31; /* the next to be tried */
    uint32_t is_met : 1;          /* by its matchers; is it granted? */
    struct judging judging;
};

/* A stream's subscriptions, in the order of subscribe_form_read(): `exact` of them are exact
 * topics, sorted, and the first. */
struct replay_matchers {
    const struct subscription *all;
    uint32_t count, exact;
    bool has_everything; /* `*` is among them, and the others do not matter */
    const struct grant *grant;
};

/* MATCH_LIMIT: the steps are spent in the middle of it; to be called again with the same. */
MUST_CHECK enum match replay_match(struct index *, const struct replay_matchers *,
                                   const struct update *, struct replay *, uint64_t *steps);

/* Their matchers alone, and one topic; MATCH_LIMIT: the steps did not do. */
MUST_CHECK enum match replay_meets(struct index *, const struct replay_matchers *,
                                   const struct topic *, uint64_t *steps);

#endif
