/* token_cache - sets of a few slots, and a digest has one set.
 *
 * Many publishers sign a token for each publish, which never comes again; those of subscribers do.
 * So a token that was seen once has a place behind those that came again, however late, and in each
 * set some places are for new ones alone:
 *
 *     slots of a set    came again, the last used first | seen once, the last seen first
 *
 * A new token is put at the bar and pushes the last one out. One that comes again goes to the
 * front, and where more came again than fit before the bar, the one that was not used for longest
 * is behind it now. No number of tokens that come once moves one that has come twice.
 *
 * The digest is 128 bits under two keys that are drawn for each cache, so nobody can choose tokens
 * that fight for a slot, or one that passes for another's. */

#include "auth/token_cache.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "base/hash.h"
#include "metrics/metrics.h"

#include <stdlib.h>
#include <string.h>

enum {
    WAYS = 8,                  /* slots of a set, where there are so many */
    NEW_ONES = 4,              /* of so many slots one is for new ones */
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
    size_t sets, ways;
    unsigned char *bars; /* owns; one a set: so many of its slots came again */
    struct slot table[];
};

struct token_cache *
token_cache_new(size_t slots)
{
    struct token_cache *c = xalloc(sizeof *c + slots * sizeof c->table[0]);
    hash_key_draw(&c->keys[0]);
    hash_key_draw(&c->keys[1]);
    buf_init(&c->text, MAX_KEPT_BYTES);
    c->ways = slots < WAYS ? slots : WAYS;
    c->sets = c->ways ? slots / c->ways : 0;
    c->bars = xalloc(c->sets + 1);
    return c;
}

void
token_cache_free(struct token_cache **ref)
{
    struct token_cache *c = *ref;
    *ref = NULL;
    if (c == NULL)
        return;
    for (size_t i = 0; i < c->sets * c->ways; i++)
        grant_unref(&c->table[i].grant);
    buf_fini(&c->text);
    free(c->bars);
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
is_good(const struct slot *p, uint64_t serial, uint64_t generation, uint64_t now_ms)
{
    return p->serial == serial && p->generation == generation &&
           (!p->grant->has_exp || (double)now_ms / 1000 < p->grant->exp);
}

/* Where in the set it is; c->ways: nowhere. */
static size_t
search(const struct token_cache *c, const struct slot *set, const uint64_t digest[2])
{
    size_t at = 0;
    while (at < c->ways && (set[at].grant == NULL || set[at].digest[0] != digest[0] ||
                            set[at].digest[1] != digest[1]))
        at++;
    return at;
}

static void
move(struct slot *set, size_t from, size_t to)
{
    struct slot moved = set[from];
    memmove(&set[to + 1], &set[to], (from - to) * sizeof *set);
    set[to] = moved;
}

/* To the front: it came again. */
static void
promote(struct token_cache *c, struct slot *set, size_t at)
{
    unsigned char *bar = &c->bars[(size_t)(set - c->table) / c->ways];
    if (at >= *bar && *bar < c->ways - (c->ways + NEW_ONES - 1) / NEW_ONES)
        ++*bar;
    if (at)
        move(set, at, 0);
}

/* In the place of the last one. */
static void
add(struct token_cache *c, struct slot *set, const struct slot *made)
{
    size_t last = c->ways - 1, bar = c->bars[(size_t)(set - c->table) / c->ways];
    grant_unref(&set[last].grant);
    set[last] = *made;
    move(set, last, bar);
}

enum token_fault
token_cache_verify(struct token_cache *c, const struct authority *a, enum role role,
                   struct slice token, struct slice audience, struct slice base, uint64_t now_ms,
                   struct grant **ret_grant, struct token_refusal *refusal)
{
    struct slot made = {.serial = authority_serial(a), .generation = auth_generation()};
    struct slot *set = NULL;
    size_t at = 0;
    if (c->sets && make_digest(c, role, token, audience, base, made.digest)) {
        set = &c->table[made.digest[0] % c->sets * c->ways];
        at = search(c, set, made.digest);
        if (at < c->ways && is_good(&set[at], made.serial, made.generation, now_ms)) {
            metrics_count(METRIC_tokens_remembered);
            *ret_grant = grant_ref(set[at].grant);
            promote(c, set, at);
            return TOKEN_OK;
        }
    }
    metrics_count(METRIC_tokens_judged);
    enum token_fault fault =
        authority_verify(a, role, token, audience, base, now_ms, ret_grant, refusal);
    if (fault != TOKEN_OK || set == NULL)
        return fault;
    made.grant = grant_ref(*ret_grant);
    if (at < c->ways) { /* known, but not by these keys */
        grant_unref(&set[at].grant);
        set[at] = made;
        promote(c, set, at);
    } else {
        add(c, set, &made);
    }
    return fault;
}
