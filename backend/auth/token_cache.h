#ifndef AUTH_TOKEN_CACHE_H
#define AUTH_TOKEN_CACHE_H

/* Tokens that were found good a moment ago, and what they grant: one worker's, so without a lock.
 * Those that came once never push out one that came again. Of a token only a keyed digest is kept.
 */

#include "auth/authority.h"

struct token_cache;

/* `slots` tokens at most (0: none is kept). Caller owns. */
struct token_cache *token_cache_new(size_t slots);
void token_cache_free(struct token_cache **);

/* As authority_verify(), but for a token seen before with the same role, audience and base: quick.
 * Past its `exp`, and once a key has changed anywhere, it is judged anew. */
MUST_CHECK enum token_fault token_cache_verify(struct token_cache *, const struct authority *,
                                               enum role, struct slice token, struct slice audience,
                                               struct slice base, uint64_t now_ms,
                                               struct grant **ret_grant,
                                               struct token_refusal *refusal);

#endif
