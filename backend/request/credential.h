#ifndef REQUEST_CREDENTIAL_H
#define REQUEST_CREDENTIAL_H

/* Where the token of a request is (PROTOCOL.md, "Where the token is"): the first place that has
 * one counts, the others are not looked at. */

#include "auth/token_cache.h"
#include "request/exchange.h"

/* Judges the request's token for a role, by ex->rules.
 *     true, *ret_grant NULL      there is none
 *     true, *ret_grant set       good; caller owns a reference
 *     false, *ret_refusal        present and bad */
MUST_CHECK bool credential_read(struct exchange *, enum role, struct token_cache *,
                                struct grant **ret_grant, struct token_refusal *ret_refusal);
/* A refusal that no token says: there is none, or it grants too little. */
struct token_refusal credential_refusal(const struct exchange *, enum role, enum token_fault,
                                        const struct grant *);
/* The cookie of a dialect. */
struct slice credential_cookie_name(const struct config *, enum dialect);

#endif
