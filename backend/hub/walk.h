#ifndef HUB_WALK_H
#define HUB_WALK_H

/* The matching of one update with everybody in the index, which may take more than one turn. */

#include "hub/index.h"
#include "topic/match.h"
#include "transport/update.h"

/* Begins with an update. */
void walk_begin(struct index *, const struct update *, walk_hit *, void *context);
/* Calls `hit` for each subscription that the topics meet; a stream may come more than once. `hit`
 * must not add or remove subscriptions. Takes what it needs off *steps, is to be called until it
 * says that all is done, and may be called in a later turn: subscriptions that were removed
 * meanwhile do not come, those that were added meanwhile may. */
MUST_CHECK bool walk_go_on(struct index *, uint64_t *steps);

/* One subscription alone with one topic, for replay. */
enum match walk_try(struct index *, const struct subscription *, const struct topic *,
                    uint64_t *steps);

/* May it meet any topic that begins with `below`, a path with a slash at its end? False is certain.
 */
bool walk_may_meet_below(const struct subscription *, const struct topic *below);

#endif
