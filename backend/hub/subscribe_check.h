#ifndef HUB_SUBSCRIBE_CHECK_H
#define HUB_SUBSCRIBE_CHECK_H

/* What is asked before a subscription begins, of GET, HEAD and QUERY alike. Each answers false
 * where the exchange is answered, or goes on later. */

#include "auth/grant.h"
#include "hub/subscribe_form.h"
#include "request/exchange.h"

/* Is the request right? Reads it, with `body`, the form of a QUERY. */
MUST_CHECK bool subscribe_check_form(struct exchange *, struct slice body, struct subscribe_form *);
/* Who asks (hub/access.h)? *ret_grant is the caller's. */
MUST_CHECK bool subscribe_check_token(struct exchange *, struct grant **ret_grant);
/* Does the hub go on? */
MUST_CHECK bool subscribe_check_stop(struct exchange *);
/* May it begin in this turn, with these patterns (hub/compile_queue.h)? What they bring into the
 * index is on the account of the client, or of the grant (NULL: anonymous). */
MUST_CHECK bool subscribe_check_patterns(struct exchange *, const struct grant *,
                                         struct subscribe_form *, void (*again)(struct exchange *));

/* Answers what the index said, which was not INDEX_ADDED. */
void subscribe_check_refuse(struct exchange *, enum index_answer, const struct error *);

#endif
