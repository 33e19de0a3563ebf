/* An id for a position is that of one history, and says nothing else to anybody. */

#include "transport/position_id.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct hash_key key = {{0x0123456789abcdef, 0xfedcba9876543210}};
static char id[POSITION_ID_LEN + 1];

static struct slice
write_id(struct position p)
{
    ck_assert(position_id_write(&key, p, id));
    return SLICE_OF(id, POSITION_ID_LEN);
}

START_TEST(every_position_comes_back_as_it_was)
{
    static const uint64_t runs[] = {0, 1, 2, 1764263922000, (1ull << 48) - 1};
    static const uint64_t sequences[] = {0, 1, 77, 1ull << 40, (1ull << 61) - 2, UINT64_MAX};
    for (size_t i = 0; i < COUNT_OF(runs); i++) {
        for (size_t k = 0; k < COUNT_OF(sequences); k++) {
            struct position p = {runs[i], sequences[k]}, back = {9, 9};
            ck_assert(position_id_read(&key, write_id(p), &back));
            ck_assert_int_eq(position_cmp(p, back), 0);
        }
    }
}
END_TEST

START_TEST(sixteen_bytes_say_the_same_as_the_text)
{
    struct position p = {1764263922000, 77}, back = {9, 9};
    unsigned char bytes[POSITION_ID_BYTES];
    char text[POSITION_ID_LEN + 1];
    ck_assert(position_id_seal(&key, p, bytes));
    snprintf(text, sizeof text,
             "urn:uuid:%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
             bytes[0], bytes[1], bytes[2], bytes[3], bytes[4], bytes[5], bytes[6], bytes[7],
             bytes[8], bytes[9], bytes[10], bytes[11], bytes[12], bytes[13], bytes[14], bytes[15]);
    ck_assert(slice_eq(write_id(p), slice_of(text)));
    ck_assert(position_id_open(&key, bytes, &back));
    ck_assert_int_eq(position_cmp(p, back), 0);
    for (unsigned i = 0; i < 8 * POSITION_ID_BYTES; i++) {
        bytes[i / 8] ^= (unsigned char)(1 << i % 8);
        struct position other = {9, 9};
        ck_assert(!position_id_open(&key, bytes, &other) || position_cmp(other, p) != 0);
        bytes[i / 8] ^= (unsigned char)(1 << i % 8);
    }
    ck_assert(!position_id_seal(&key, (struct position){1ull << 48, 1}, bytes));
}
END_TEST

START_TEST(just_before_a_position_is_behind_all_that_precede_it)
{
    static const struct position all[] = {{0, 0}, {0, 1}, {0, UINT64_MAX}, {1, 0}, {1, 1}, {7, 9}};
    for (size_t i = 1; i < COUNT_OF(all); i++) {
        struct position before = position_just_before(all[i]);
        ck_assert_int_lt(position_cmp(before, all[i]), 0);
        ck_assert_int_ge(position_cmp(before, all[i - 1]), 0);
    }
    ck_assert_int_eq(position_cmp(position_just_before(all[0]), all[0]), 0);
}
END_TEST

START_TEST(what_cannot_be_said_is_not)
{
    strcpy(id, "untouched");
    ck_assert(!position_id_write(&key, (struct position){1ull << 48, 1}, id));
    ck_assert_str_eq(id, "untouched");
}
END_TEST

START_TEST(it_is_a_uuid_of_version_8)
{
    for (uint64_t i = 0; i < 1000; i++) {
        struct slice text = write_id((struct position){1, i});
        ck_assert_uint_eq(text.len, strlen("urn:uuid:01a21de4-a0af-8fcf-b1f9-96bc6ff71bee"));
        ck_assert(slice_starts(text, SLICE("urn:uuid:")));
        ck_assert_int_eq(text.ptr[23], '8');
        ck_assert_ptr_nonnull(strchr("89ab", text.ptr[28]));
    }
}
END_TEST

/* Of 4 bits each that are not fixed, half of them differ between neighbours. */
START_TEST(neighbours_do_not_look_alike)
{
    char first[POSITION_ID_LEN + 1];
    size_t same = 0;
    for (uint64_t i = 0; i < 1000; i++) {
        memcpy(first, write_id((struct position){1, i}).ptr, sizeof first);
        write_id((struct position){1, i + 1});
        for (size_t k = strlen("urn:uuid:"); k < POSITION_ID_LEN; k++)
            same += first[k] == id[k];
    }
    /* Four dashes, the version, a quarter of the variant's, a sixteenth of 30 others: 7.1 each. */
    ck_assert_uint_lt(same, 7600);
    ck_assert_uint_gt(same, 6600);
}
END_TEST

START_TEST(one_of_another_history_is_none)
{
    struct hash_key other = {{1, 2}};
    struct position p = {7, 7};
    for (uint64_t i = 0; i < 3; i++)
        ck_assert(!position_id_read(&other, write_id((struct position){1, i}), &p));
    ck_assert_uint_eq(p.run, 7);
}
END_TEST

START_TEST(one_that_is_spelt_otherwise_is_none)
{
    struct position p;
    struct slice text = write_id((struct position){3, 4});
    for (size_t len = 0; len < text.len; len++)
        ck_assert(!position_id_read(&key, slice_head(text, len), &p));
    for (size_t at = 0; at < text.len; at++) {
        for (int c = 0; c < 256; c++) {
            char kept = id[at];
            if ((char)c == kept)
                continue;
            id[at] = (char)c;
            /* One in 8,192 of the others would pass the check alone. */
            if (at < 9 || c == 0 || !strchr("0123456789abcdef", c))
                ck_assert(!position_id_read(&key, text, &p));
            id[at] = kept;
        }
    }
    ck_assert(position_id_read(&key, text, &p));
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("position_id");
    TCase *t = tcase_create("position_id");
    tcase_add_test(t, every_position_comes_back_as_it_was);
    tcase_add_test(t, sixteen_bytes_say_the_same_as_the_text);
    tcase_add_test(t, just_before_a_position_is_behind_all_that_precede_it);
    tcase_add_test(t, what_cannot_be_said_is_not);
    tcase_add_test(t, it_is_a_uuid_of_version_8);
    tcase_add_test(t, neighbours_do_not_look_alike);
    tcase_add_test(t, one_of_another_history_is_none);
    tcase_add_test(t, one_that_is_spelt_otherwise_is_none);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
