/* token_cache - a table with one slot for each digest: a newer token takes an older one's.
 *
 * The digest is 128 bits under two keys that are drawn for each cache, so nobody can choose tokens
 * that fight for a slot, or one that passes for another's. */

#include "auth/token_cache.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "base/hash.h"
#include "metrics/metrics.h"

#include <stdlib.h>

enum {
    MAX_KEPT_BYTES = 2 * 16384 /* of token, audience and base */
};

struct slot {
    uint64_t digest[2];
    uint64_t serial, generation; /* of the authority; of keys anywhere */
    struct grant *grant;         /* owns a reference; NULL: free */
};

struct token_cache {
    struct hash_key keys[2];
    struct buf text; /* what is digested */
    size_t slots;
    struct slot table[];
};

struct token_cache *
token_cache_new(size_t slots)
{
    struct token_cache *c = xalloc(sizeof *c + slots * sizeof c->table[0]);
    hash_key_draw(&c->keys[0]);
    hash_key_draw(&c->keys[1]);
    buf_init(&c->text, MAX_KEPT_BYTES);
    c->slots = slots;
    return c;
}

void
token_cache_free(struct token_cache **ref)
{
    struct token_cache *c = *ref;
    *ref = NULL;
    for (size_t i = 0; c && i < c->slots; i++)
        grant_unref(&c->table[i].grant);
    if (c)
        buf_fini(&c->text);
    free(c);
}

/* False: too long to be kept. */
static bool
make_digest(struct token_cache *c, enum role role, struct slice token, struct slice audience,
            struct slice base, uint64_t ret[2])
{
    buf_clear(&c->text);
    buf_add_byte(&c->text, (char)role);
    buf_add(&c->text, SLICE_OF((const char *)&audience.len, sizeof audience.len));
    buf_add(&c->text, SLICE_OF((const char *)&base.len, sizeof base.len));
    buf_add(&c->text, audience);
    buf_add(&c->text, base);
    buf_add(&c->text, token);
    for (int i = 0; i < 2; i++)
        ret[i] = hash_keyed(&c->keys[i], buf_slice(&c->text));
    return !c->text.failed;
}

static bool
is_good(const struct slot *p, const uint64_t digest[2], uint64_t serial, uint64_t generation,
        uint64_t now_ms)
{
    return p->grant && p->digest[0] == digest[0] && p->digest[1] == digest[1] &&
           p->serial == serial && p->generation == generation &&
           (!p->grant->has_exp || (double)now_ms / 1000 < p->grant->exp);
}

enum token_fault
token_cache_verify(struct token_cache *c, const struct authority *a, enum role role,
                   struct slice token, struct slice audience, struct slice base, uint64_t now_ms,
                   struct grant **ret_grant, struct token_refusal *refusal)
{
    uint64_t digest[2], serial = authority_serial(a), generation = auth_generation();
    struct slot *p = NULL;
    if (c->slots && make_digest(c, role, token, audience, base, digest))
        p = &c->table[digest[0] % c->slots];
    if (p && is_good(p, digest, serial, generation, now_ms)) {
        metrics_count(METRIC_tokens_remembered);
        *ret_grant = grant_ref(p->grant);
        return TOKEN_OK;
    }
    metrics_count(METRIC_tokens_judged);
    enum token_fault fault =
        authority_verify(a, role, token, audience, base, now_ms, ret_grant, refusal);
    if (fault == TOKEN_OK && p) {
        grant_unref(&p->grant);
        *p = (struct slot){{digest[0], digest[1]}, serial, generation, grant_ref(*ret_grant)};
    }
    return fault;
}
