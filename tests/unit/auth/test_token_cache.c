/* Remembered tokens: the same grant again, nothing past exp, nothing for another key. */

#include "auth/token_cache.h"

#include "metrics/metrics.h"
#include "unit/auth/mint.h"
#include "unit/guard.h"

static struct token_refusal refusal;

static enum token_fault
ask(struct token_cache *c, struct authority *a, struct slice token, uint64_t now_ms,
    struct grant **g)
{
    *g = NULL;
    return token_cache_verify(c, a, ROLE_PUBLISH, token, SLICE(""), SLICE(""), now_ms, g, &refusal);
}

START_TEST(a_token_seen_before_gives_the_same_grant_until_it_expires)
{
    for (size_t slots = 0; slots < 3; slots++) {
        struct token_cache *cache = token_cache_new(slots);
        struct authority *a = mint_authority(), *other = mint_authority();
        struct slice token = mint(SLICE("{\"alg\":\"HS256\"}"),
                                  SLICE("{\"exp\":100,\"mercure\":{\"publish\":[\"*\"]}}"));
        struct grant *first, *again, *none;
        uint64_t remembered = metrics_sum(METRIC_tokens_remembered);
        ck_assert_int_eq(ask(cache, a, token, 99000, &first), TOKEN_OK);
        ck_assert_int_eq(ask(cache, a, token, 99999, &again), TOKEN_OK);
        ck_assert_int_eq(first == again, slots > 0);
        ck_assert_uint_eq(metrics_sum(METRIC_tokens_remembered) - remembered, slots > 0);
        grant_unref(&again);
        ck_assert_int_eq(ask(cache, other, token, 99999, &again), TOKEN_OK);
        ck_assert_ptr_ne(first, again);
        ck_assert(rights_has(again->rights, ROLE_PUBLISH));
        grant_unref(&first);
        grant_unref(&again);
        ck_assert_int_eq(ask(cache, a, token, 100000, &none), TOKEN_EXPIRED);
        ck_assert_int_eq(ask(cache, a, slice_head(token, token.len - 1), 99000, &none),
                         TOKEN_MALFORMED);
        token_cache_free(&cache);
        authority_free(&a);
        authority_free(&other);
    }
}
END_TEST

UNIT_MAIN("auth/token_cache", a_token_seen_before_gives_the_same_grant_until_it_expires)
