/* The end of the order as this hub has shown it: bounded, found by place and by id, walked in
 * order, and never more than retention has left. */

#include "transport/redis/spare.h"

#include "base/alloc.h"
#include "base/hash.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

static struct spare spare;
static const struct position begin = {1, 0};

static void
setup(void)
{
    hash_seed();
    spare_init(&spare, 1 << 20);
    spare_restart(&spare, begin);
}

static void
teardown(void)
{
    spare_fini(&spare);
}

static struct update *
numbered(unsigned number, size_t size, struct position at)
{
    char id[24];
    static char data[100000];
    bool too_large;
    struct slice topic = SLICE("t");
    const struct update_parts parts = {
        .topics = &topic,
        .topic_count = 1,
        .id = SLICE_OF(id, (size_t)snprintf(id, sizeof id, "id-%u", number)),
        .data = SLICE_OF(data, size)};
    struct update *u = update_new(&parts, 1 << 20, &too_large);
    u->position = at;
    return u;
}

/* `count` updates behind the end, ten positions apart, in one batch. */
static void
hold(unsigned first, uint32_t count, size_t size, uint64_t run)
{
    struct origin origins[64];
    struct batch *b = batch_new(count);
    b->after = spare.end;
    for (uint32_t i = 0; i < count; i++) {
        struct position at = {run, spare.end.sequence + 10 * (i + 1)};
        b->updates[i] = numbered(first + i, size, at);
        b->bytes += b->updates[i]->size;
        b->upto = at;
        origins[i] = (struct origin){.node = 7, .number = first + i};
    }
    spare_add(&spare, b, origins);
    batch_unref(&b);
}

static bool
finds(unsigned number, struct position *ret)
{
    char id[24];
    return spare_find(&spare, SLICE_OF(id, (size_t)snprintf(id, sizeof id, "id-%u", number)), ret);
}

START_TEST(a_place_is_known_where_an_update_ends_or_the_stretch_begins)
{
    hold(1, 3, 10, 1); /* 10 20 30 */
    hold(4, 2, 10, 2); /* run 2: 40 50 */
    for (uint64_t at = 0; at <= 60; at++) {
        struct position one = {1, at}, two = {2, at};
        ck_assert_int_eq(spare_has_place(&spare, one), at % 10 == 0 && at <= 30);
        ck_assert_int_eq(spare_has_place(&spare, two), at == 40 || at == 50);
    }
}
END_TEST

START_TEST(what_is_walked_is_what_stands_behind_in_order_each_with_what_stands_before_it)
{
    struct spare_walk w;
    const struct update *u;
    const struct origin *o;
    struct position before, last = {1, 20};
    unsigned number = 3;
    hold(1, 3, 10, 1);
    hold(4, 1, 10, 1);
    hold(5, 2, 10, 2);
    spare_walk_begin(&w, &spare, last);
    while (spare_walk_next(&w, &u, &o, &before)) {
        ck_assert(position_cmp(before, last) == 0);
        ck_assert_uint_eq(o->number, number++);
        last = u->position;
    }
    ck_assert_uint_eq(number, 7);
    ck_assert(position_cmp(last, spare.end) == 0);
}
END_TEST

START_TEST(the_oldest_go_past_the_bound_but_never_the_last)
{
    struct position at;
    for (unsigned i = 0; i < 40; i++)
        hold(i, 1, 50000, 1);
    ck_assert_uint_le(spare.bytes, 1 << 20);
    ck_assert(!finds(0, &at) && finds(39, &at));
    ck_assert(position_cmp(spare.begin, begin) > 0);
    ck_assert_ptr_nonnull(spare_after(&spare, spare.begin));
    struct spare small;
    spare_init(&small, 1);
    spare_restart(&small, begin);
    struct spare kept = spare;
    spare = small;
    hold(1, 1, 1000, 1);
    hold(2, 1, 1000, 1);
    ck_assert_uint_eq(spare.count, 1);
    spare_fini(&spare);
    spare = kept;
}
END_TEST

START_TEST(what_retention_has_taken_is_not_given)
{
    struct position at;
    hold(1, 5, 10, 1); /* 10 to 50 */
    spare_forget(&spare, (struct position){1, 30});
    ck_assert(!finds(2, &at) && finds(3, &at) && finds(4, &at));
    ck_assert(!spare_has_place(&spare, (struct position){1, 20}));
    ck_assert(spare_has_place(&spare, (struct position){1, 30}));
    spare_forget(&spare, (struct position){1, 20});
    ck_assert(position_cmp(spare.begin, (struct position){1, 30}) == 0);
    spare_forget(&spare, (struct position){9, 9}); /* this hub has not come so far */
    ck_assert(position_cmp(spare.begin, spare.end) == 0 && spare.count == 0);
    hold(6, 1, 10, 1);
    ck_assert(finds(6, &at) && at.sequence == 60);
}
END_TEST

START_TEST(an_id_that_may_come_again_is_not_answered)
{
    struct position at;
    hold(1, 2, 10, 1);
    spare_after(&spare, begin)->updates[0]->id_is_chosen = true;
    ck_assert(!finds(1, &at) && finds(2, &at));
}
END_TEST

START_TEST(another_stretch_has_nothing_of_the_first)
{
    struct position at, elsewhere = {5, 500};
    hold(1, 3, 10, 1);
    spare_restart(&spare, elsewhere);
    ck_assert(!finds(1, &at) && spare_after(&spare, begin) == NULL && spare.bytes == 0);
    ck_assert(spare_has_place(&spare, elsewhere) && !spare_has_place(&spare, begin));
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("spare");
    TCase *t = tcase_create("spare");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, a_place_is_known_where_an_update_ends_or_the_stretch_begins);
    tcase_add_test(t,
                   what_is_walked_is_what_stands_behind_in_order_each_with_what_stands_before_it);
    tcase_add_test(t, the_oldest_go_past_the_bound_but_never_the_last);
    tcase_add_test(t, what_retention_has_taken_is_not_given);
    tcase_add_test(t, an_id_that_may_come_again_is_not_answered);
    tcase_add_test(t, another_stretch_has_nothing_of_the_first);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
