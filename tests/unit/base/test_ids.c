/* UUIDs: their form, and that version 7 grows within a source. */

#include "base/clock.h"
#include "base/ids.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static void
check_form(const char *urn, char version)
{
    ck_assert_uint_eq(strlen(urn), IDS_URN_LEN);
    ck_assert_int_eq(strncmp(urn, "urn:uuid:", 9), 0);
    const char *u = urn + 9;
    for (int i = 0; i < 36; i++) {
        if (i == 8 || i == 13 || i == 18 || i == 23)
            ck_assert_int_eq(u[i], '-');
        else
            ck_assert_ptr_nonnull(strchr("0123456789abcdef", u[i]));
    }
    ck_assert_int_eq(u[14], version);
    ck_assert_ptr_nonnull(strchr("89ab", u[19]));
}

START_TEST(version_7_has_the_form_of_rfc_9562)
{
    struct id_source source;
    char urn[IDS_URN_LEN + 1];
    id_source_init(&source);
    for (int i = 0; i < 1000; i++) {
        id_uuid7(&source, urn);
        check_form(urn, '7');
    }
}
END_TEST

START_TEST(version_7_begins_with_the_time)
{
    struct id_source source;
    char urn[IDS_URN_LEN + 1], digits[13];
    id_source_init(&source);
    uint64_t before = clock_wall_ms();
    id_uuid7(&source, urn);
    uint64_t after = clock_wall_ms();
    memcpy(digits, urn + 9, 8);
    memcpy(digits + 8, urn + 18, 4);
    digits[12] = 0;
    uint64_t said = strtoull(digits, NULL, 16);
    ck_assert_uint_ge(said, before);
    ck_assert_uint_le(said, after);
}
END_TEST

START_TEST(version_7_grows_also_within_one_millisecond)
{
    struct id_source source;
    char last[IDS_URN_LEN + 1] = "", urn[IDS_URN_LEN + 1];
    id_source_init(&source);
    for (int i = 0; i < 100000; i++) {
        id_uuid7(&source, urn);
        ck_assert_int_lt(strcmp(last, urn), 0);
        memcpy(last, urn, sizeof last);
    }
}
END_TEST

START_TEST(version_7_grows_when_the_clock_goes_back)
{
    struct id_source source;
    char first[IDS_URN_LEN + 1], second[IDS_URN_LEN + 1];
    id_source_init(&source);
    source.last_ms = clock_wall_ms() + 3600000; /* as if it had been an hour later before */
    id_uuid7(&source, first);
    id_uuid7(&source, second);
    ck_assert_int_lt(strcmp(first, second), 0);
}
END_TEST

START_TEST(version_4_has_its_form_and_does_not_repeat)
{
    struct id_source one, two;
    char a[IDS_URN_LEN + 1], b[IDS_URN_LEN + 1];
    id_source_init(&one);
    id_source_init(&two);
    for (int i = 0; i < 1000; i++) {
        id_uuid4(&one, a);
        id_uuid4(&two, b);
        check_form(a, '4');
        check_form(b, '4');
        ck_assert_str_ne(a, b);
    }
}
END_TEST

START_TEST(random_numbers_differ_over_several_pools)
{
    struct id_source source;
    id_source_init(&source);
    uint64_t last = id_random(&source);
    for (int i = 0; i < 2000; i++) {
        uint64_t next = id_random(&source);
        ck_assert_uint_ne(next, last);
        last = next;
    }
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("base/ids");
    TCase *tcase = tcase_create("ids");
    tcase_add_test(tcase, version_7_has_the_form_of_rfc_9562);
    tcase_add_test(tcase, version_7_begins_with_the_time);
    tcase_add_test(tcase, version_7_grows_also_within_one_millisecond);
    tcase_add_test(tcase, version_7_grows_when_the_clock_goes_back);
    tcase_add_test(tcase, version_4_has_its_form_and_does_not_repeat);
    tcase_add_test(tcase, random_numbers_differ_over_several_pools);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
