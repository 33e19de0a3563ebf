/* The tail: every position finds its batch, or that it is too old or too new. */

#include "hub/tail.h"

#include <check.h>
#include <stdlib.h>

/* Of `count` positions behind `first`; holds no updates that anybody looks at. */
static struct batch *
batch(uint64_t first, uint64_t count, size_t bytes)
{
    struct batch *b = batch_new(0);
    b->after = (struct position){1, first - 1};
    b->upto = (struct position){1, first + count - 1};
    b->bytes = bytes;
    return b;
}

START_TEST(every_position_finds_the_batch_behind_it)
{
    struct tail t;
    uint32_t number;
    tail_init(&t, 1000);
    ck_assert(!tail_find(&t, (struct position){0, 0}, &number));
    for (uint64_t i = 0; i < 1000; i++)
        tail_add(&t, batch(1 + 3 * i, 3, 10));
    ck_assert_uint_eq(t.count, 100);
    ck_assert_uint_eq(t.bytes, 1000);
    for (uint64_t p = 2700; p < 3000; p++) {
        ck_assert(tail_find(&t, (struct position){1, p}, &number));
        ck_assert_uint_eq(number, (p - 2700) / 3);
        ck_assert(tail_at(&t, number)->upto.sequence > p);
        ck_assert(tail_at(&t, number)->after.sequence <= p);
    }
    ck_assert(!tail_find(&t, (struct position){1, 3000}, &number));
    ck_assert(!tail_find(&t, (struct position){2, 0}, &number));
    ck_assert(!tail_find(&t, (struct position){1, 2699}, &number));
    tail_fini(&t);
}
END_TEST

START_TEST(positions_that_were_burnt_are_passed_over)
{
    struct tail t;
    uint32_t number;
    tail_init(&t, 1000);
    tail_add(&t, batch(1, 3, 10));
    tail_add(&t, batch(8, 3, 10));
    for (uint64_t p = 3; p < 8; p++) {
        ck_assert(tail_find(&t, (struct position){1, p}, &number));
        ck_assert_uint_eq(number, 1);
    }
    tail_fini(&t);
}
END_TEST

START_TEST(the_last_batch_stays_whatever_its_size)
{
    struct tail t;
    uint32_t number;
    tail_init(&t, 1000);
    for (uint64_t i = 1; i < 10; i++) {
        tail_add(&t, batch(i, 1, 5000));
        ck_assert_uint_eq(t.count, 1);
        ck_assert(tail_find(&t, (struct position){1, i - 1}, &number));
    }
    tail_fini(&t);
    ck_assert_uint_eq(t.bytes, 0);
}
END_TEST

int
main(void)
{
    TCase *tcase = tcase_create("tail");
    Suite *suite = suite_create("tail");
    SRunner *runner = srunner_create(suite);
    tcase_add_test(tcase, every_position_finds_the_batch_behind_it);
    tcase_add_test(tcase, positions_that_were_burnt_are_passed_over);
    tcase_add_test(tcase, the_last_batch_stays_whatever_its_size);
    suite_add_tcase(suite, tcase);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
