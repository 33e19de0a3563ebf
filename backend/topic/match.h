#ifndef TOPIC_MATCH_H
#define TOPIC_MATCH_H

/* What trying a matcher answers. Every match has a budget of steps, each some ten nanoseconds of
 * work whatever the kind of matcher; what would take longer is given up. */

#include <stdint.h>

enum match {
    MATCH_NO,
    MATCH_YES,
    MATCH_LIMIT, /* the steps are spent: counts as no, and is reported */
};

/* Takes `cost` off *steps. False: they do not suffice, and none is left. */
static inline _Bool
match_spend(uint64_t *steps, uint64_t cost)
{
    if (*steps < cost) {
        *steps = 0;
        return 0;
    }
    *steps -= cost;
    return 1;
}

/* Takes off what was done already. */
static inline void
match_take(uint64_t *steps, uint64_t cost)
{
    *steps = *steps > cost ? *steps - cost : 0;
}

#endif
