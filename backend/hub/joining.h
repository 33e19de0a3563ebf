#ifndef HUB_JOINING_H
#define HUB_JOINING_H

/* Subscriptions whose patterns take longer to compile than a turn has for that. The worker's
 * thread. */

#include "hub/query.h"

struct hub_worker;
struct joining_queue;

struct joining_queue *joining_new(struct hub_worker *); /* caller owns */
void joining_free(struct joining_queue **);

/* May a subscription with these selectors begin in this turn? False: the exchange waits, and in a
 * later turn `again` is called (hub/hold.h), when all of them are in the index. The selectors must
 * lie in the exchange's arena. */
MUST_CHECK bool joining_may_begin(struct exchange *, const struct query *,
                                  void (*again)(struct exchange *));

/* The hub stops: answers all that wait. */
void joining_stop(struct joining_queue *);

#endif
