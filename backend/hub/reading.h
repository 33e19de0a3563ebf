#ifndef HUB_READING_H
#define HUB_READING_H

/* One reader's pieces of the history, one at a time. The worker's thread. */

#include "hub/home.h"

struct reading;

/* Asks the transport for what comes behind `after` (or, `from_removed`, for what is held). Later,
 * and never from inside a function of the caller, `done` gets the owner and the answer, whose piece
 * is held until it is dropped. *reading is made where it is NULL; the caller owns it. False: too
 * many reads are under way or held; nothing has happened. */
MUST_CHECK bool reading_ask(struct reading **, struct hub_worker *, struct position after,
                            bool from_removed, enum read_scope,
                            void (*done)(void *owner, const struct transport_read *), void *owner);
/* NULL is fine in all of these. */
const struct batch *reading_piece(const struct reading *); /* NULL: none is held */
bool reading_is_underway(const struct reading *);
void reading_drop_piece(struct reading *);
/* Nobody waits for it any more. Sets the pointer to NULL. */
void reading_forget(struct reading **);

#endif
