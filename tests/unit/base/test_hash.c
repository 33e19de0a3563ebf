/* The keyed hash: the same within a process, sensitive to every byte and to the length. */

#include "base/hash.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

START_TEST(equal_bytes_have_equal_hashes)
{
    hash_seed();
    char bytes[70];
    for (size_t len = 0; len < sizeof bytes; len++) {
        memset(bytes, 'a', sizeof bytes);
        uint64_t first = hash_slice(SLICE_OF(bytes, len));
        char *exact = malloc(len ? len : 1); /* ASan watches the byte behind it */
        memcpy(exact, bytes, len);
        ck_assert_uint_eq(hash_slice(SLICE_OF(exact, len)), first);
        free(exact);
    }
}
END_TEST

START_TEST(every_byte_counts)
{
    hash_seed();
    char bytes[40] = {0};
    uint64_t plain = hash_slice(SLICE_OF(bytes, sizeof bytes));
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = 1;
        ck_assert_uint_ne(hash_slice(SLICE_OF(bytes, sizeof bytes)), plain);
        bytes[i] = 0;
    }
}
END_TEST

START_TEST(zeros_of_different_length_differ)
{
    hash_seed();
    static const char zeros[64];
    for (size_t len = 1; len < sizeof zeros; len++)
        ck_assert_uint_ne(hash_slice(SLICE_OF(zeros, len)), hash_slice(SLICE_OF(zeros, len - 1)));
}
END_TEST

START_TEST(another_key_gives_another_hash)
{
    hash_seed();
    uint64_t first = hash_slice(SLICE("https://example.com/books/1"));
    hash_seed();
    ck_assert_uint_ne(hash_slice(SLICE("https://example.com/books/1")), first);
}
END_TEST

START_TEST(the_low_bits_are_spread)
{
    hash_seed();
    unsigned count[16] = {0};
    for (uint32_t i = 0; i < 16000; i++)
        count[hash_slice(SLICE_OF((const char *)&i, sizeof i)) & 15]++;
    for (int i = 0; i < 16; i++) {
        ck_assert_uint_gt(count[i], 700);
        ck_assert_uint_lt(count[i], 1300);
    }
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("base/hash");
    TCase *tcase = tcase_create("hash");
    tcase_add_test(tcase, equal_bytes_have_equal_hashes);
    tcase_add_test(tcase, every_byte_counts);
    tcase_add_test(tcase, zeros_of_different_length_differ);
    tcase_add_test(tcase, another_key_gives_another_hash);
    tcase_add_test(tcase, the_low_bits_are_spread);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
