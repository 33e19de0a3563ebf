#ifndef HUB_LOOKUP_H
#define HUB_LOOKUP_H

/* Where the id that a client came back with stands in the history. The worker's thread. */

#include "hub/home.h"

struct lookup;

/* Asks the transport for `id` (copied). Later, and never from inside a function of the caller,
 * `done` gets the owner and the answer, whose `id` is as the client sent it and lives until `done`
 * returns; the lookup is then freed. Caller owns until then. */
struct lookup *lookup_begin(struct hub_worker *, struct slice id,
                            void (*done)(void *owner, const struct transport_find *), void *owner);
/* Nobody waits for the answer any more. Sets the pointer to NULL; NULL is fine. */
void lookup_forget(struct lookup **);

#endif
