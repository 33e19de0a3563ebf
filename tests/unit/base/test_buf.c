/* Buffers: they grow to their maximum and not a byte further, and keep their first error. */

#include "base/buf.h"

#include <check.h>

START_TEST(an_empty_buffer_owns_nothing)
{
    struct buf b;
    buf_init(&b, 100);
    ck_assert_ptr_null(b.ptr);
    ck_assert_uint_eq(buf_slice(&b).len, 0);
    buf_add(&b, SLICE(""));
    ck_assert_ptr_null(b.ptr);
    buf_fini(&b);
    buf_fini(&b);
}
END_TEST

START_TEST(bytes_come_out_in_the_order_they_went_in)
{
    struct buf b;
    buf_init(&b, 1000);
    buf_add(&b, SLICE("id: "));
    buf_addf(&b, "%d-%s", 7, "x");
    buf_add_byte(&b, '\0');
    ck_assert(slice_eq(buf_slice(&b), SLICE("id: 7-x\0")));
    ck_assert(!b.failed);
    buf_fini(&b);
}
END_TEST

START_TEST(the_maximum_is_reached_exactly_and_never_passed)
{
    struct buf b;
    buf_init(&b, 100);
    for (int i = 0; i < 100; i++)
        buf_add_byte(&b, 'x');
    ck_assert(!b.failed);
    ck_assert_uint_eq(b.len, 100);
    ck_assert_uint_le(b.cap, 100);
    buf_add_byte(&b, 'y');
    ck_assert(b.failed);
    ck_assert_uint_eq(b.len, 100);
    buf_fini(&b);
}
END_TEST

START_TEST(the_first_error_is_kept_although_less_would_fit)
{
    struct buf b;
    buf_init(&b, 4);
    buf_add(&b, SLICE("abc"));
    buf_add(&b, SLICE("de"));
    ck_assert(b.failed);
    buf_add(&b, SLICE("f"));
    buf_addf(&b, "%c", 'g');
    ck_assert(slice_eq(buf_slice(&b), SLICE("abc")));
    buf_clear(&b);
    ck_assert(!b.failed);
    buf_add(&b, SLICE("f"));
    ck_assert(slice_eq(buf_slice(&b), SLICE("f")));
    buf_fini(&b);
}
END_TEST

START_TEST(a_size_near_the_largest_number_does_not_wrap_around)
{
    struct buf b;
    buf_init(&b, 1000);
    buf_add(&b, SLICE("abc"));
    ck_assert(!buf_reserve(&b, (size_t)-1));
    ck_assert(b.failed);
    ck_assert_uint_eq(b.len, 3);
    buf_fini(&b);
}
END_TEST

START_TEST(a_long_format_is_written_whole)
{
    struct buf b;
    buf_init(&b, 10000);
    for (int width = 250; width < 260; width++) { /* around the space on the stack */
        buf_clear(&b);
        buf_addf(&b, "%*d", width, 7);
        ck_assert_uint_eq(b.len, (size_t)width);
        ck_assert_int_eq(b.ptr[width - 1], '7');
    }
    buf_fini(&b);
}
END_TEST

START_TEST(drop_takes_from_the_front)
{
    struct buf b;
    buf_init(&b, 100);
    buf_add(&b, SLICE("abcdef"));
    buf_drop(&b, 2);
    ck_assert(slice_eq(buf_slice(&b), SLICE("cdef")));
    buf_drop(&b, 0);
    ck_assert(slice_eq(buf_slice(&b), SLICE("cdef")));
    buf_drop(&b, 99);
    ck_assert_uint_eq(b.len, 0);
    buf_add(&b, SLICE("z"));
    ck_assert(slice_eq(buf_slice(&b), SLICE("z")));
    buf_fini(&b);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("base/buf");
    TCase *tcase = tcase_create("buf");
    tcase_add_test(tcase, an_empty_buffer_owns_nothing);
    tcase_add_test(tcase, bytes_come_out_in_the_order_they_went_in);
    tcase_add_test(tcase, the_maximum_is_reached_exactly_and_never_passed);
    tcase_add_test(tcase, the_first_error_is_kept_although_less_would_fit);
    tcase_add_test(tcase, a_size_near_the_largest_number_does_not_wrap_around);
    tcase_add_test(tcase, a_long_format_is_written_whole);
    tcase_add_test(tcase, drop_takes_from_the_front);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
