#ifndef HUB_JOINING_H
#define HUB_JOINING_H

/* Subscriptions whose patterns take longer to compile than a turn has for that. */

#include "hub/query.h"
#include "loop/worker.h"

struct hub_worker;

/* Embedded in hub_worker; its thread. */
struct joining_queue {
    struct list waiting; /* of struct joining, first come first */
    size_t budget;       /* what may still be compiled in this turn, in bytes of URL Patterns */
    uint64_t turn;
    bool is_again; /* a handler begins again: it has waited enough */
    struct turn_hook hook;
};

void joining_init(struct joining_queue *, struct worker *);

/* May a subscription with these selectors begin in this turn? False: the exchange waits, and in a
 * later turn `again` is called, when all of them are in the index, or the handler's on_gone; its
 * ex->state is kept until then. The selectors must lie in the exchange's arena. */
MUST_CHECK bool joining_may_begin(struct exchange *, const struct query *,
                                  void (*again)(struct exchange *));

/* The hub stops: answers all that wait with a retry:. */
void joining_end(struct joining_queue *);

#endif
