#ifndef REQUEST_CREDENTIAL_H
#define REQUEST_CREDENTIAL_H

/* Where the token of a request is (PROTOCOL.md, "Where the token is"): the first place that has
 * one counts, the others are not looked at. */

#include "auth/authority.h"
#include "request/exchange.h"

enum credential {
    CREDENTIAL_NONE,
    CREDENTIAL_FOUND,     /* *ret_token, of the request, is to be judged */
    CREDENTIAL_MISPLACED, /* or not a token at all: *ret_refusal */
};

/* Finds the request's token for a role, by ex->rules; what it is worth is another question. */
MUST_CHECK enum credential credential_find(struct exchange *, enum role, struct slice *ret_token,
                                           struct token_refusal *ret_refusal);
/* A refusal that no token says: there is none, or it grants too little. */
struct token_refusal credential_refusal(const struct exchange *, enum role, enum token_fault,
                                        const struct grant *);
/* The cookie of a dialect. */
struct slice credential_cookie_name(const struct config *, enum dialect);

#endif
