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
    for (size_t slots = 0; slots < 20; slots++) {
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

/* Asks with a token of that number; was it remembered? */
static bool
is_remembered(struct token_cache *c, struct authority *a, unsigned number)
{
    char claims[80];
    struct grant *g;
    uint64_t before = metrics_sum(METRIC_tokens_remembered);
    int n =
        snprintf(claims, sizeof claims, "{\"jti\":%u,\"mercure\":{\"publish\":[\"*\"]}}", number);
    struct slice token = mint(SLICE("{\"alg\":\"HS256\"}"), SLICE_OF(claims, (size_t)n));
    ck_assert_int_eq(ask(c, a, token, 1000, &g), TOKEN_OK);
    grant_unref(&g);
    return metrics_sum(METRIC_tokens_remembered) > before;
}

/* How many of these were. */
static unsigned
remembered(struct token_cache *c, struct authority *a, unsigned from, unsigned count)
{
    unsigned n = 0;
    for (unsigned i = 0; i < count; i++)
        n += is_remembered(c, a, from + i);
    return n;
}

START_TEST(tokens_that_come_once_push_out_none_that_came_again)
{
    struct token_cache *c = token_cache_new(4096);
    struct authority *a = mint_authority();
    ck_assert_uint_eq(remembered(c, a, 0, 50), 0);
    ck_assert_uint_eq(remembered(c, a, 0, 50), 50);
    ck_assert_uint_eq(remembered(c, a, 1000, 20000), 0);
    ck_assert_uint_eq(remembered(c, a, 0, 50), 50);
    token_cache_free(&c);
    authority_free(&a);
}
END_TEST

/* Eight slots, of which two are for new ones. */
START_TEST(of_those_that_came_again_the_one_not_used_for_longest_gives_way)
{
    struct token_cache *c = token_cache_new(8);
    struct authority *a = mint_authority();
    for (unsigned i = 0; i < 7; i++)
        ck_assert_uint_eq(is_remembered(c, a, i) + is_remembered(c, a, i), 1);
    ck_assert_uint_eq(remembered(c, a, 100, 2), 0);
    ck_assert_uint_eq(remembered(c, a, 1, 6), 6);
    ck_assert(!is_remembered(c, a, 0));
    ck_assert_uint_eq(remembered(c, a, 200, 1000), 0);
    ck_assert_uint_eq(remembered(c, a, 1, 6), 6);
    token_cache_free(&c);
    authority_free(&a);
}
END_TEST

/* The last two that came once are remembered, and a second coming counts at once. */
START_TEST(a_new_one_has_a_place_also_where_all_others_came_again)
{
    struct token_cache *c = token_cache_new(8);
    struct authority *a = mint_authority();
    ck_assert_uint_eq(remembered(c, a, 0, 6) + remembered(c, a, 0, 6), 6);
    ck_assert_uint_eq(remembered(c, a, 100, 2), 0);
    ck_assert(is_remembered(c, a, 100));
    ck_assert_uint_eq(remembered(c, a, 200, 100), 0);
    ck_assert(is_remembered(c, a, 100));
    ck_assert_uint_eq(remembered(c, a, 1, 5), 5);
    ck_assert(!is_remembered(c, a, 0));
    token_cache_free(&c);
    authority_free(&a);
}
END_TEST

/* Keys change anywhere, and every token is judged once more; then it is as before. */
START_TEST(what_is_judged_anew_keeps_its_place)
{
    struct token_cache *c = token_cache_new(8);
    struct authority *a = mint_authority();
    ck_assert_uint_eq(remembered(c, a, 0, 6) + remembered(c, a, 0, 6), 6);
    ck_assert_uint_gt(auth_next_generation(), 0);
    ck_assert_uint_eq(remembered(c, a, 0, 6), 0);
    ck_assert_uint_eq(remembered(c, a, 100, 100), 0);
    ck_assert_uint_eq(remembered(c, a, 0, 6), 6);
    token_cache_free(&c);
    authority_free(&a);
}
END_TEST

UNIT_MAIN("auth/token_cache", a_token_seen_before_gives_the_same_grant_until_it_expires,
          tokens_that_come_once_push_out_none_that_came_again,
          of_those_that_came_again_the_one_not_used_for_longest_gives_way,
          a_new_one_has_a_place_also_where_all_others_came_again,
          what_is_judged_anew_keeps_its_place)
