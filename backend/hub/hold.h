#ifndef HUB_HOLD_H
#define HUB_HOLD_H

/* An exchange that waits until something is there, and then begins again. The worker's thread. */

#include "base/list.h"
#include "request/exchange.h"

/* Embedded in what is known about the wait. */
struct hold {
    struct list node; /* in the list of those who wait for the same kind of thing */
    struct exchange *exchange;
    const struct exchange_handler *handler; /* to which it goes back, and with it... */
    void *state;                            /* ...its state */
    void (*again)(struct exchange *);
    void (*drop)(struct hold *); /* frees it, when its exchange has begun again or is gone */
};

/* The exchange's handler returns then: it hears of it again when `again` is called, under the rules
 * of then, or by its on_gone; its state is kept until then. */
void hold_begin(struct hold *, struct list *waiting, struct exchange *,
                void (*again)(struct exchange *), void (*drop)(struct hold *));
/* It is there: the exchange begins again; then the hold is dropped. */
void hold_resume(struct hold *);
/* The hub stops: answers all that wait in this list. */
void hold_stop_all(struct list *waiting);
/* Does it begin again at the moment, from a hold of whoever drops it so? NULL: no. */
const struct hold *hold_resumed(const struct exchange *, void (*drop)(struct hold *));

#endif
