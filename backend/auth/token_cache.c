/* token_cache - a table with one place for each hash: a newer token takes an older one's.
 *
 * The hash is keyed (base/hash.h), so nobody can choose tokens that fight for a place. */

#include "auth/token_cache.h"

#include "base/alloc.h"
#include "base/hash.h"

#include <stdlib.h>

enum {
    MAX_KEPT_BYTES = 4096
};

struct place {
    const struct key *key;
    struct grant *grant; /* owns a reference; NULL: free */
    char *token;         /* owns */
    size_t len;
};

struct token_cache {
    size_t slots;
    struct place places[];
};

struct token_cache *
token_cache_new(size_t slots)
{
    struct token_cache *c = xalloc(sizeof *c + slots * sizeof c->places[0]);
    c->slots = slots;
    return c;
}

static void
clear(struct place *p)
{
    grant_unref(&p->grant);
    free(p->token);
    p->token = NULL;
}

void
token_cache_free(struct token_cache **ref)
{
    struct token_cache *c = *ref;
    *ref = NULL;
    for (size_t i = 0; c && i < c->slots; i++)
        clear(&c->places[i]);
    free(c);
}

enum token_fault
token_cache_verify_0x(struct token_cache *c, const struct key *key, struct slice token,
                      uint64_t now_ms, struct grant **ret_grant)
{
    if (c->slots == 0 || token.len > MAX_KEPT_BYTES)
        return token_verify_0x(key, token, now_ms, ret_grant);
    struct place *p = &c->places[hash_slice(token) % c->slots];
    if (p->grant && p->key == key && slice_eq(SLICE_OF(p->token, p->len), token) &&
        (!p->grant->has_exp || (double)now_ms / 1000 < p->grant->exp)) {
        *ret_grant = grant_ref(p->grant);
        return TOKEN_OK;
    }
    enum token_fault fault = token_verify_0x(key, token, now_ms, ret_grant);
    if (fault == TOKEN_OK) {
        clear(p);
        *p = (struct place){key, grant_ref(*ret_grant), xstrndup(token.ptr, token.len), token.len};
    }
    return fault;
}
