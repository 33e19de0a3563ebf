#ifndef HUB_PRESENCE_H
#define HUB_PRESENCE_H

/* What one stream has begun: an active subscription for each of its matchers (PROTOCOL.md, "Active
 * subscriptions"). The worker's thread. */

#include "auth/grant.h"
#include "hub/departures.h"
#include "hub/subscribe_form.h"

enum {
    PRESENCE_TICKET = 36 + 1 + 16
};

struct presence;

/* `begin` is as the transport answered it: its outcome, and the position before the first begin.
 * Where it did not commit them all, what it did commit departs with the presence as ever. */
typedef void presence_begun(void *owner, const struct cursor *,
                            const struct transport_publish *begin);

/* Gives the transport the begins of all selectors, as one message. Later, and never from inside a
 * function of the caller, `begun` gets the owner and the cursor of the form (whose id is in the
 * exchange's memory still). NULL: there is no room; nothing has happened. Caller owns. */
MUST_CHECK struct presence *presence_begin(struct hub_worker *, struct exchange *,
                                           const struct grant *, const struct subscribe_form *,
                                           presence_begun *begun, void *owner);
/* What a front keeps for a stream, and gives when it asks for it again: whose it is, sealed under
 * the history's key. NULL: nobody's. */
struct slice presence_ticket(const struct presence *, struct hub_worker *,
                             char text[PRESENCE_TICKET + 1]);
/* All that the stream of the request's ticket had begun goes on, where its matchers and its token
 * are the same. NULL: it does not. Caller owns. */
MUST_CHECK struct presence *presence_go_on(struct hub_worker *, struct exchange *,
                                           const struct grant *, const struct subscribe_form *);
/* The stream is over, whatever it waited for; its ends are the departures' now. Sets the pointer to
 * NULL; NULL is fine. */
void presence_end(struct presence **, struct hub_worker *, enum departure_kind);
/* Does the update tell of a subscription of this very stream? NULL: no. */
bool presence_is_own(const struct presence *, const struct update *);

#endif
