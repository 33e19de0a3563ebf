/* Private updates: what each stream is told, and that each set of rights is asked once. */

#include "hub/rights_memo.h"
#include "unit/auth/mint.h"

#include "base/hash.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    TOKENS = 300,
    SAME = 3, /* tokens that say the same but for their exp */
};

static struct update *
update(struct slice topic, bool is_private)
{
    const struct update_parts parts = {
        .topics = &topic, .topic_count = 1, .id = SLICE("i"), .is_private = is_private};
    bool too_large;
    return update_new(&parts, 1 << 20, &too_large);
}

/* The n-th of those that differ grants one topic of its own, and all of a kind. */
static struct grant *
grant(struct authority *a, unsigned n, unsigned copy)
{
    char claims[400];
    int len = snprintf(claims, sizeof claims,
                       "{\"exp\":%u,\"mercure\":{\"subscribe\":[\"of/%u\",\"all/{x}\"]}}",
                       2000000000u + copy, n);
    struct grant *g;
    ck_assert_int_eq(
        mint_verify(a, mint(SLICE("{\"alg\":\"HS256\"}"), SLICE_OF(claims, (size_t)len)), 1000, &g),
        TOKEN_OK);
    return g;
}

START_TEST(each_set_of_rights_is_asked_once_and_all_get_its_answer)
{
    static struct grant *grants[TOKENS][SAME];
    struct authority *a = mint_authority();
    struct rights_memo j;
    rights_memo_init(&j);
    for (unsigned n = 0; n < TOKENS; n++)
        for (unsigned copy = 0; copy < SAME; copy++)
            grants[n][copy] = grant(a, n, copy);
    for (unsigned round = 0; round < 5; round++) {
        char topic[20];
        int len = round == 4 ? snprintf(topic, sizeof topic, "all/1")
                             : snprintf(topic, sizeof topic, "of/%u", round * 50);
        struct update *u = update(SLICE_OF(topic, (size_t)len), true);
        rights_memo_next(&j);
        for (unsigned copy = 0; copy < SAME; copy++) {
            for (unsigned n = 0; n < TOKENS; n++) {
                bool may = round == 4 || n == round * 50;
                enum match answer = may ? MATCH_YES : MATCH_NO;
                struct judging judging = {0};
                uint64_t steps = 100000;
                ck_assert_int_eq(rights_memo_may_get(&j, grants[n][copy], u, &steps), answer);
                ck_assert_int_eq(rights_memo_ask(grants[n][copy], u, &judging, &steps), answer);
            }
        }
        ck_assert_uint_eq(j.count, TOKENS);
        uint64_t none = 0;
        ck_assert_int_eq(rights_memo_may_get(&j, NULL, u, &none), MATCH_NO);
        update_unref(&u);
    }
    for (unsigned n = 0; n < TOKENS; n++)
        for (unsigned copy = 0; copy < SAME; copy++)
            grant_unref(&grants[n][copy]);
    rights_memo_fini(&j);
    authority_free(&a);
}
END_TEST

/* Five templates against 1,000 topics, none of which matches: no turn takes much longer than it has
 * steps for; who leaves in the middle of it harms nobody. */
START_TEST(a_grant_is_asked_about_many_topics_in_many_turns)
{
    enum {
        TOPICS = 1000
    };
    static struct slice topics[TOPICS];
    struct authority *a = mint_authority();
    struct grant *one = grant(a, 1, 0), *other = grant(a, 2, 0);
    struct rights_memo j;
    for (size_t i = 0; i < TOPICS; i++)
        topics[i] = SLICE("all");
    topics[TOPICS - 1] = SLICE("of/2");
    const struct update_parts parts = {
        .topics = topics, .topic_count = TOPICS, .id = SLICE("i"), .is_private = true};
    bool too_large;
    struct update *u = update_new(&parts, 1 << 20, &too_large);
    rights_memo_init(&j);
    rights_memo_next(&j);
    size_t turns[2] = {0, 0};
    for (uint64_t steps = 100; rights_memo_may_get(&j, one, u, &steps) == MATCH_LIMIT;
         steps = 100) {
        ck_assert_uint_eq(steps, 0);
        if (++turns[0] == 5)
            break; /* it leaves */
    }
    ck_assert_uint_eq(turns[0], 5);
    enum match answer = MATCH_LIMIT;
    for (; answer == MATCH_LIMIT; turns[1]++) {
        uint64_t steps = 100;
        answer = rights_memo_may_get(&j, other, u, &steps);
    }
    ck_assert_int_eq(answer, MATCH_YES);
    ck_assert_uint_ge(turns[1], TOPICS / 100);
    uint64_t none = 0;
    ck_assert_int_eq(rights_memo_may_get(&j, other, u, &none), MATCH_YES); /* it is known */
    rights_memo_fini(&j);
    update_unref(&u);
    grant_unref(&one);
    grant_unref(&other);
    authority_free(&a);
}
END_TEST

START_TEST(a_public_update_asks_nobody)
{
    struct rights_memo j;
    struct update *u = update(SLICE("t"), false);
    rights_memo_init(&j);
    rights_memo_next(&j);
    uint64_t none = 0;
    ck_assert_int_eq(rights_memo_may_get(&j, NULL, u, &none), MATCH_YES);
    ck_assert_uint_eq(j.count, 0);
    rights_memo_fini(&j);
    update_unref(&u);
}
END_TEST

int
main(void)
{
    hash_seed();
    Suite *s = suite_create("judged");
    TCase *c = tcase_create("private");
    tcase_add_test(c, each_set_of_rights_is_asked_once_and_all_get_its_answer);
    tcase_add_test(c, a_grant_is_asked_about_many_topics_in_many_turns);
    tcase_add_test(c, a_public_update_asks_nobody);
    suite_add_tcase(s, c);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
