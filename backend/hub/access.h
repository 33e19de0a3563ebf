#ifndef HUB_ACCESS_H
#define HUB_ACCESS_H

/* Who asks, and may it? Between the token of a request and the handlers. */

#include "auth/grant.h"
#include "auth/key_set.h"
#include "request/exchange.h"

struct hub_worker;

/* Judges the request's token for a role.
 *     true     go on; *ret_grant is the caller's (a reference), or NULL: there is no token, only
 *              where `needs_token` is false
 *     false    the exchange is answered; or it waits for keys, and the handler's on_head will be
 *              called again (hub/hold.h): return */
MUST_CHECK bool access_read(struct exchange *, enum role, bool needs_token,
                            struct grant **ret_grant);
/* A body took its time to come: where rules or keys are not those by which *grant was admitted, it
 * is judged anew, and *grant (a reference, kept by the caller) is the new one. False: the exchange
 * is answered, and *grant is NULL. */
MUST_CHECK bool access_still(struct exchange *, enum role, struct grant **grant);
/* Refuses what the grant (NULL: there is none) does not allow; borrows it. Ends the exchange. */
void access_refuse(struct exchange *, enum role, enum token_fault, const struct grant *);
/* The same for a topic that the grant does not have: the log names both. */
void access_refuse_topic(struct exchange *, enum role, const struct grant *, struct slice topic);
/* Does it grant `subscribe` on this very path, as lists and metrics ask? Else the exchange is
 * answered. */
MUST_CHECK bool access_allow_path(struct exchange *, const struct grant *);
/* The hub stops: answers everything that waits for keys. */
void access_stop(struct hub_worker *);
/* News of an attempt to fetch a set: requests that wait for that one, or for any set, go on. */
void access_wake(struct hub_worker *, struct key_source *, uint64_t attempt, bool changed);

#endif
