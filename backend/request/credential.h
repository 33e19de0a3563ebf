#ifndef REQUEST_CREDENTIAL_H
#define REQUEST_CREDENTIAL_H

/* Where the token of a request is (PROTOCOL.md, "Where the token is"): the first place that has
 * one counts, the others are not looked at. */

#include "auth/token_cache.h"
#include "request/exchange.h"

/* Judges the request's token with `key`.
 *     true, *ret_grant NULL      there is none
 *     true, *ret_grant set       good; caller owns a reference
 *     false, *ret_reason         present and bad; the word for the log */
MUST_CHECK bool credential_read(struct exchange *, const struct key *key, struct token_cache *,
                                struct grant **ret_grant, const char **ret_reason);

#endif
