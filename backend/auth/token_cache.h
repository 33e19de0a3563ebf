#ifndef AUTH_TOKEN_CACHE_H
#define AUTH_TOKEN_CACHE_H

/* Tokens that were found good a moment ago, and what they grant: one worker's, so without a lock.
 * Only good tokens are kept, whole; a look-up compares every byte. */

#include "auth/grant.h"

struct token_cache;

/* `slots` tokens at most (0: none is kept), each of at most 4,096 bytes. Caller owns. */
struct token_cache *token_cache_new(size_t slots);
void token_cache_free(struct token_cache **);

/* As token_verify_0x(), but for a token seen before: quick. Past its `exp` it is judged anew. */
MUST_CHECK enum token_fault token_cache_verify_0x(struct token_cache *, const struct key *,
                                                  struct slice token, uint64_t now_ms,
                                                  struct grant **ret_grant);

#endif
