#ifndef HUB_COMPILE_QUEUE_H
#define HUB_COMPILE_QUEUE_H

/* Subscriptions whose patterns take longer to compile than a turn has for that. The worker's
 * thread. */

#include "hub/subscribe_form.h"

struct hub_worker;
struct compile_queue;

struct compile_queue *compile_queue_new(struct hub_worker *); /* caller owns */
void compile_queue_free(struct compile_queue **);

/* May a subscription with these selectors begin in this turn? False: the exchange waits, and in a
 * later turn `again` is called (hub/hold.h), when all of them are in the index. The selectors must
 * lie in the exchange's arena. */
MUST_CHECK bool compile_queue_may_begin(struct exchange *, const struct subscribe_form *,
                                        void (*again)(struct exchange *));

/* The hub stops: answers all that wait. */
void compile_queue_stop(struct compile_queue *);

#endif
