/* What threads share: one authority, interned rights, a source whose keys change meanwhile. */

#include "auth/token_cache.h"

#include "auth/jwk.h"
#include "unit/auth/mint.h"
#include "unit/guard.h"

#include <pthread.h>
#include <stdio.h>

enum {
    THREADS = 4,
    REPLACERS = 2, /* the fetcher's thread, and main at a reload */
    TURNS = 400,
};

/* MINT_SECRET as a JWK. */
#define SET_WITH(more)                                                                             \
    "{\"keys\":[{\"kty\":\"oct\",\"kid\":\"" more                                                  \
    "\",\"k\":\"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY\"}]}"

static struct authority *authority;
static struct key_source *source;
static atomic_bool stop;
static char tokens[2][400]; /* 0: of the fixed key, 1: with a kid, of the source's */
static size_t lengths[2];

static void
keep(size_t at, struct slice token)
{
    memcpy(tokens[at], token.ptr, token.len);
    lengths[at] = token.len;
}

static void *
ask(void *unused)
{
    (void)unused;
    struct token_cache *cache = token_cache_new(8);
    struct token_refusal refusal;
    size_t found = 0;
    for (int i = 0; i < TURNS; i++) {
        for (size_t at = 0; at < 2; at++) {
            struct grant *g = NULL;
            struct topic topic = topic_of(SLICE("https://example.com/1"));
            enum token_fault fault = token_cache_verify(
                cache, authority, at ? ROLE_PUBLISH : ROLE_SUBSCRIBE,
                SLICE_OF(tokens[at], lengths[at]), SLICE(""), SLICE(""), 1000, &g, &refusal);
            if (fault == TOKEN_OK) {
                uint64_t steps = rights_budget(g->rights, 1);
                found += rights_allow(g->rights, ROLE_PUBLISH, &topic, &steps);
                authority_keeps(authority, g);
            }
            ck_assert(fault == TOKEN_OK || (at == 1 && fault == TOKEN_UNKNOWN_KID));
            topic_fini(&topic);
            grant_unref(&g);
        }
    }
    token_cache_free(&cache);
    ck_assert_uint_ge(found, TURNS);
    return NULL;
}

static void *
replace(void *unused)
{
    (void)unused;
    struct error err;
    for (int i = 0; !atomic_load(&stop); i++) {
        struct key_set *set =
            jwk_set_read(i % 2 ? SLICE(SET_WITH("one")) : SLICE(SET_WITH("two")), &err);
        ck_assert_ptr_nonnull(set);
        key_source_replace(source, set);
    }
    return NULL;
}

START_TEST(threads_ask_one_authority_while_its_keys_change)
{
    static const struct authority_limits limits = {.rights = {1000, 100}};
    struct slice claims = SLICE("{\"mercure\":{\"publish\":[\"https://example.com/{id}\"]}}");
    struct slice hs = SLICE("HS256");
    struct error err;
    pthread_t threads[THREADS], replacers[REPLACERS];
    authority = authority_new(&limits);
    source = key_source_new("https://example.com/jwks");
    ck_assert(authority_add_key(authority, NULL, ROLE_SUBSCRIBE, SLICE(MINT_SECRET), hs,
                                KEY_MUST_NAME, NULL, &err));
    ck_assert(authority_add_source(authority, NULL, ROLE_PUBLISH, source, &hs, 1, &err));
    key_source_replace(source, jwk_set_read(SLICE(SET_WITH("one")), &err));
    keep(0, mint(SLICE("{\"alg\":\"HS256\"}"), claims));
    keep(1, mint(SLICE("{\"alg\":\"HS256\",\"kid\":\"one\"}"), claims));
    for (int i = 0; i < REPLACERS; i++)
        ck_assert_int_eq(pthread_create(&replacers[i], NULL, replace, NULL), 0);
    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, ask, NULL), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    atomic_store(&stop, true);
    for (int i = 0; i < REPLACERS; i++)
        pthread_join(replacers[i], NULL);
    key_source_unref(&source);
    authority_free(&authority);
}
END_TEST

UNIT_MAIN("auth/shared", threads_ask_one_authority_while_its_keys_change)
