/* Slices: comparison, cutting, numbers and UTF-8, on NUL bytes and on nothing at all. */

#include "base/slice.h"

#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct slice none = {NULL, 0};

START_TEST(a_null_string_is_the_empty_slice)
{
    ck_assert_uint_eq(slice_of(NULL).len, 0);
    ck_assert_uint_eq(slice_of("abc").len, 3);
    ck_assert(slice_eq(slice_of(NULL), SLICE("")));
}
END_TEST

START_TEST(equality_looks_at_every_byte_also_behind_nul)
{
    ck_assert(slice_eq(SLICE("a\0b"), SLICE("a\0b")));
    ck_assert(!slice_eq(SLICE("a\0b"), SLICE("a\0c")));
    ck_assert(!slice_eq(SLICE("a"), SLICE("ab")));
    ck_assert(slice_eq_nocase(SLICE("Content-TYPE"), SLICE("content-type")));
    ck_assert(!slice_eq_nocase(SLICE("a@"), SLICE("a`")));
    ck_assert(!slice_eq_nocase(SLICE("\xC4"), SLICE("\xE4")));
}
END_TEST

START_TEST(order_is_by_bytes_then_the_shorter_first)
{
    ck_assert_int_lt(slice_cmp(SLICE("a"), SLICE("b")), 0);
    ck_assert_int_lt(slice_cmp(SLICE("a"), SLICE("aa")), 0);
    ck_assert_int_gt(slice_cmp(SLICE("\xFF"), SLICE("a")), 0);
    ck_assert_int_eq(slice_cmp(SLICE(""), none), 0);
    ck_assert_int_lt(slice_cmp(none, SLICE("a")), 0);
}
END_TEST

START_TEST(prefixes_and_suffixes_are_found)
{
    ck_assert(slice_starts(SLICE("abc"), SLICE("ab")));
    ck_assert(slice_starts(SLICE("abc"), none));
    ck_assert(!slice_starts(SLICE("ab"), SLICE("abc")));
    ck_assert(slice_ends(SLICE("abc"), SLICE("bc")));
    ck_assert(slice_ends(none, none));
    ck_assert(!slice_ends(SLICE("bc"), SLICE("abc")));
}
END_TEST

START_TEST(parts_stay_inside_the_whole)
{
    ck_assert(slice_eq(slice_from(SLICE("abc"), 1), SLICE("bc")));
    ck_assert_uint_eq(slice_from(SLICE("abc"), 3).len, 0);
    ck_assert_uint_eq(slice_from(SLICE("abc"), 99).len, 0);
    ck_assert_uint_eq(slice_from(none, 1).len, 0);
    ck_assert(slice_eq(slice_head(SLICE("abc"), 2), SLICE("ab")));
    ck_assert(slice_eq(slice_head(SLICE("abc"), 99), SLICE("abc")));
}
END_TEST

START_TEST(trim_takes_blanks_and_tabs_alone)
{
    ck_assert(slice_eq(slice_trim(SLICE(" \t a b \t")), SLICE("a b")));
    ck_assert(slice_eq(slice_trim(SLICE("\r\n")), SLICE("\r\n")));
    ck_assert_uint_eq(slice_trim(SLICE(" \t ")).len, 0);
    ck_assert_uint_eq(slice_trim(none).len, 0);
}
END_TEST

START_TEST(what_is_not_found_is_at_the_end)
{
    ck_assert_uint_eq(slice_index(SLICE("abcb"), 'b'), 1);
    ck_assert_uint_eq(slice_index(SLICE("abc"), 'x'), 3);
    ck_assert_uint_eq(slice_index(none, 'x'), 0);
    ck_assert_uint_eq(slice_find(SLICE("aab"), SLICE("ab")), 1);
    ck_assert_uint_eq(slice_find(SLICE("aab"), SLICE("abb")), 3);
    ck_assert_uint_eq(slice_find(SLICE("aab"), none), 0);
    ck_assert_uint_eq(slice_find(none, SLICE("a")), 0);
}
END_TEST

START_TEST(cut_gives_empty_parts_between_separators)
{
    struct slice rest = SLICE("a,,b"), part;
    ck_assert(slice_cut(&rest, ',', &part) && slice_eq(part, SLICE("a")));
    ck_assert(slice_cut(&rest, ',', &part) && slice_eq(part, SLICE("")));
    ck_assert(slice_cut(&rest, ',', &part) && slice_eq(part, SLICE("b")));
    ck_assert(!slice_cut(&rest, ',', &part));
    ck_assert(!slice_cut(&rest, ',', &part));
    rest = SLICE("");
    ck_assert(!slice_cut(&rest, ',', &part));
    rest = none;
    ck_assert(!slice_cut(&rest, ',', &part));
}
END_TEST

START_TEST(numbers_are_digits_alone_within_their_maximum)
{
    uint64_t n = 7;
    ck_assert(slice_u64(SLICE("0"), UINT64_MAX, &n) && n == 0);
    ck_assert(slice_u64(SLICE("007"), UINT64_MAX, &n) && n == 7);
    ck_assert(slice_u64(SLICE("18446744073709551615"), UINT64_MAX, &n) && n == UINT64_MAX);
    ck_assert(slice_u64(SLICE("100"), 100, &n) && n == 100);
    static const char *const bad[] = {
        "",
        "-1",
        "+1",
        " 1",
        "1 ",
        "1.0",
        "0x1",
        "1e3",
        "18446744073709551616",
        "99999999999999999999999",
    };
    n = 42;
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        ck_assert_msg(!slice_u64(slice_of(bad[i]), UINT64_MAX, &n), "\"%s\"", bad[i]);
    ck_assert(!slice_u64(SLICE("101"), 100, &n));
    ck_assert(!slice_u64(SLICE("1\0"), 100, &n));
    ck_assert_uint_eq(n, 42); /* untouched on failure */
}
END_TEST

START_TEST(utf8_has_one_form_for_each_character)
{
    static const char *const good[] = {
        "",
        "plain",
        "\xC2\x80",
        "\xDF\xBF",
        "\xE0\xA0\x80",
        "\xED\x9F\xBF",
        "\xEE\x80\x80",
        "\xEF\xBF\xBF",
        "\xF0\x90\x80\x80",
        "\xF4\x8F\xBF\xBF",
        "a\xC3\xA9z",
    };
    static const char *const bad[] = {
        "\x80",             /* nothing to continue */
        "\xC0\x80",         /* NUL in two bytes */
        "\xC1\xBF",         /* overlong */
        "\xC3",             /* cut off */
        "\xC3z",            /* not continued */
        "\xE0\x9F\xBF",     /* overlong */
        "\xE2\x82",         /* cut off */
        "\xED\xA0\x80",     /* a surrogate */
        "\xF0\x8F\xBF\xBF", /* overlong */
        "\xF4\x90\x80\x80", /* beyond U+10FFFF */
        "\xF5\x80\x80\x80", /* no such lead byte */
        "\xFF",             /* no such lead byte */
        "\xF0\x90\x80z",    /* not continued */
    };
    for (size_t i = 0; i < COUNT_OF(good); i++)
        ck_assert_msg(slice_is_utf8(slice_of(good[i])), "good %zu", i);
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        ck_assert_msg(!slice_is_utf8(slice_of(bad[i])), "bad %zu", i);
    ck_assert(slice_is_utf8(SLICE("a\0b")));
}
END_TEST

START_TEST(a_cut_character_is_never_read_beyond_its_end)
{
    static const char whole[] = "\xF0\x9F\x90\x8E";
    for (size_t len = 0; len <= 4; len++) {
        char *exact = malloc(len ? len : 1); /* ASan watches the byte behind it */
        memcpy(exact, whole, len);
        ck_assert_int_eq(slice_is_utf8(SLICE_OF(exact, len)), len == 0 || len == 4);
        free(exact);
    }
}
END_TEST

/* What goes eight bytes at a time says what a byte at a time would, wherever in them it stands. */
START_TEST(every_byte_is_counted_and_every_control_character_found_at_every_place)
{
    for (size_t len = 0; len <= 19; len++) {
        char *exact = malloc(len ? len : 1);
        for (size_t at = 0; at < len; at++) {
            for (int byte = 0; byte < 256; byte++) {
                bool is_control = byte < 0x20 || byte == 0x7F;
                memset(exact, 0xFF, len);
                exact[at] = (char)byte;
                struct slice s = SLICE_OF(exact, len);
                ck_assert_uint_eq(slice_index_control(s), is_control ? at : len);
                ck_assert_uint_eq(slice_count(s, (char)byte), byte == 0xFF ? len : 1);
                ck_assert_uint_eq(slice_count(s, '\xFF'), byte == 0xFF ? len : len - 1);
            }
        }
        memset(exact, '&', len);
        ck_assert_uint_eq(slice_count(SLICE_OF(exact, len), '&'), len);
        free(exact);
    }
}
END_TEST

START_TEST(a_number_is_written_as_printf_writes_it)
{
    static const uint64_t rows[] = {0, 7, 10, 15, 16, 4095, 4096, 1234567890, UINT64_MAX};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char digits[SLICE_DIGITS], decimal[24], hex[24];
        snprintf(decimal, sizeof decimal, "%" PRIu64, rows[i]);
        snprintf(hex, sizeof hex, "%" PRIx64, rows[i]);
        ck_assert(slice_eq(slice_of_number(digits, rows[i], 10), slice_of(decimal)));
        ck_assert(slice_eq(slice_of_number(digits, rows[i], 16), slice_of(hex)));
    }
}
END_TEST

START_TEST(what_is_shown_of_a_text_ends_with_a_whole_character)
{
    struct slice text = SLICE("a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x90\x8Ez");
    static const size_t whole[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 11, 11};
    for (size_t len = 0; len < COUNT_OF(whole); len++) {
        ck_assert_uint_eq(slice_head_utf8(text, len).len, whole[len]);
        ck_assert(slice_is_utf8(slice_head_utf8(text, len)));
        ck_assert_uint_eq(slice_head_utf8(slice_head(text, len), 99).len, whole[len]);
    }
    ck_assert_uint_eq(slice_head_utf8(SLICE("\x80\x80\x80\x80\x80"), 4).len,
                      4); /* no text at all */
}
END_TEST

START_TEST(what_is_quoted_is_not_found)
{
    ck_assert_uint_eq(slice_index_unquoted(SLICE("a,b"), ','), 1);
    ck_assert_uint_eq(slice_index_unquoted(SLICE("\"a,b\",c"), ','), 5);
    ck_assert_uint_eq(slice_index_unquoted(SLICE("\"a\\\",b\",c"), ','), 7);
    ck_assert_uint_eq(slice_index_unquoted(SLICE("\"a,b"), ','), 4);
    ck_assert_uint_eq(slice_index_unquoted(SLICE("\"a\\"), ','), 3);
    ck_assert_uint_eq(slice_index_unquoted(SLICE("\\,"), ','), 1);
    ck_assert_uint_eq(slice_index_unquoted(SLICE(""), ','), 0);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("base/slice");
    TCase *tcase = tcase_create("slice");
    tcase_add_test(tcase, a_null_string_is_the_empty_slice);
    tcase_add_test(tcase, equality_looks_at_every_byte_also_behind_nul);
    tcase_add_test(tcase, order_is_by_bytes_then_the_shorter_first);
    tcase_add_test(tcase, prefixes_and_suffixes_are_found);
    tcase_add_test(tcase, parts_stay_inside_the_whole);
    tcase_add_test(tcase, trim_takes_blanks_and_tabs_alone);
    tcase_add_test(tcase, what_is_not_found_is_at_the_end);
    tcase_add_test(tcase, cut_gives_empty_parts_between_separators);
    tcase_add_test(tcase, numbers_are_digits_alone_within_their_maximum);
    tcase_add_test(tcase, utf8_has_one_form_for_each_character);
    tcase_add_test(tcase, a_cut_character_is_never_read_beyond_its_end);
    tcase_add_test(tcase, every_byte_is_counted_and_every_control_character_found_at_every_place);
    tcase_add_test(tcase, a_number_is_written_as_printf_writes_it);
    tcase_add_test(tcase, what_is_shown_of_a_text_ends_with_a_whole_character);
    tcase_add_test(tcase, what_is_quoted_is_not_found);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
