/* The index and the quota: who is met, each once asked, and nothing left behind. */

#include "base/hash.h"
#include "hub/index.h"
#include "hub/quota.h"

#include <check.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    MANY = 5000
};

static size_t hits;
static uintptr_t hit_sum;

static void
hit(struct stream *s, void *context)
{
    (void)context;
    hits++;
    hit_sum += (uintptr_t)s;
}

static struct update *
update(const struct slice *topics, size_t count)
{
    const struct update_parts parts = {.topics = topics, .topic_count = count, .id = SLICE("i")};
    bool too_large;
    return update_new(&parts, 1 << 20, &too_large);
}

static size_t
match(struct index *ix, struct slice topic)
{
    struct update *u = update(&topic, 1);
    hits = hit_sum = 0;
    index_match(ix, u, hit, NULL);
    update_unref(&u);
    return hits;
}

START_TEST(a_topic_meets_its_own_subscriptions_and_everything)
{
    static struct subscription subs[MANY];
    struct subscription all, empty;
    struct index ix;
    char topic[40];
    index_init(&ix);
    index_add(&ix, &all, (struct stream *)(uintptr_t)1000000, SLICE("*"));
    index_add(&ix, &empty, (struct stream *)(uintptr_t)2000000, SLICE(""));
    for (uintptr_t i = 0; i < MANY; i++) {
        int n = snprintf(topic, sizeof topic, "https://example.com/%u", (unsigned)i);
        index_add(&ix, &subs[i], (struct stream *)(i + 1), SLICE_OF(topic, (size_t)n));
    }
    ck_assert_uint_eq(match(&ix, SLICE("https://example.com/77")), 2);
    ck_assert_uint_eq(hit_sum, 1000000 + 78);
    ck_assert_uint_eq(match(&ix, SLICE("https://example.com/77/")), 1);
    ck_assert_uint_eq(match(&ix, SLICE("")), 2);
    ck_assert_uint_eq(hit_sum, 3000000);
    for (uintptr_t i = 0; i < MANY; i++)
        index_remove(&ix, &subs[i]);
    ck_assert_uint_eq(match(&ix, SLICE("https://example.com/77")), 1);
    index_remove(&ix, &all);
    index_remove(&ix, &empty);
    index_fini(&ix);
}
END_TEST

START_TEST(alternate_topics_are_met_as_well)
{
    struct subscription a, b;
    struct index ix;
    struct slice topics[] = {SLICE("a"), SLICE("b")};
    index_init(&ix);
    index_add(&ix, &a, (struct stream *)(uintptr_t)1, SLICE("b"));
    index_add(&ix, &b, (struct stream *)(uintptr_t)2, SLICE("c"));
    struct update *u = update(topics, 2);
    hits = hit_sum = 0;
    index_match(&ix, u, hit, NULL);
    ck_assert_uint_eq(hits, 1);
    ck_assert_uint_eq(hit_sum, 1);
    ck_assert(subscription_matches(&a, u));
    ck_assert(!subscription_matches(&b, u));
    update_unref(&u);
    index_remove(&ix, &a);
    index_remove(&ix, &b);
    index_fini(&ix);
}
END_TEST

START_TEST(a_quota_gives_its_places_back)
{
    struct quota *q = quota_new();
    ck_assert(quota_take(q, 5, 2));
    ck_assert(quota_take(q, 5, 2));
    ck_assert(!quota_take(q, 5, 2));
    ck_assert(quota_take(q, 5 + 4096, 2));
    quota_give(q, 5);
    ck_assert(quota_take(q, 5, 2));
    ck_assert(!quota_take(q, 9, 0));
    quota_free(&q);
    ck_assert_ptr_null(q);
}
END_TEST

int
main(void)
{
    hash_seed();
    Suite *s = suite_create("index");
    TCase *c = tcase_create("match");
    tcase_add_test(c, a_topic_meets_its_own_subscriptions_and_everything);
    tcase_add_test(c, alternate_topics_are_met_as_well);
    tcase_add_test(c, a_quota_gives_its_places_back);
    suite_add_tcase(s, c);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
