#ifndef AUTH_CLAIMS_H
#define AUTH_CLAIMS_H

/* The claims of a token whose signature is good: dates, audience, rights (PROTOCOL.md, "Who may").
 */

#include "auth/grant.h"
#include "auth/rights.h"

struct json_t; /* Jansson's */

/* What they are judged by. */
struct claims_rules {
    enum dialect dialect;
    struct slice audience, base; /* 1.0 */
    uint64_t now_ms, leeway_ms;
    struct rights_limits limits;
};

/* `text` is what `claims` was parsed from. On TOKEN_OK `grant` has its dialect, exp, subject
 * and rights. */
MUST_CHECK enum token_fault claims_judge(const struct json_t *claims, struct slice text,
                                         const struct claims_rules *, struct grant *,
                                         struct token_refusal *);
/* Any JSON text as the whole payload. NULL: no JSON object that can be taken. Caller owns. */
struct json_t *claims_parse(struct slice text);

#endif
