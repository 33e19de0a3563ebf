#ifndef HUB_RELOAD_H
#define HUB_RELOAD_H

/* New rules, or new keys, for workers that go on serving. */

#include "hub/home.h"

/* To every worker, by mailbox: requests that begin from then on follow them, and streams whose
 * token would no longer be accepted end within a second. Borrows the rules. Any one thread. */
void reload_hand_out(struct worker *const *, size_t count, struct rules *);
/* An attempt to fetch a JWK set, of that number, has ended; `changed`: with a new one. Any one
 * thread. */
void reload_tell_keys(struct worker *const *, size_t count, struct key_source *, uint64_t attempt,
                      bool changed);

#endif
