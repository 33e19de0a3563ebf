/* The first place of an id stays, and nothing is lost by growing. */

#include "transport/disk/id_table.h"

#include "base/hash.h"
#include "unit/guard.h"

#include <stdlib.h>

enum {
    MANY = 50000
};

static uint64_t
hash_of(uint64_t n)
{
    n = (n + 1) * 0x9e3779b97f4a7c15ull;
    n = (n ^ n >> 32) * 0xd6e8feb86659fd93ull;
    return n ^ n >> 32;
}

START_TEST(of_several_offsets_the_first_stays)
{
    struct id_table t = {0};
    ck_assert_uint_eq(id_table_find(&t, 7), 0);
    id_table_add(&t, 7, 100);
    id_table_add(&t, 7, 200);
    ck_assert_uint_eq(id_table_find(&t, 7), 100);
    ck_assert_uint_eq(t.count, 1);
    id_table_add(&t, 0, 300); /* 0 is a hash like any other */
    ck_assert_uint_eq(id_table_find(&t, 0), 300);
    id_table_free(&t);
    ck_assert_uint_eq(id_table_find(&t, 7), 0);
}
END_TEST

START_TEST(many_are_all_found_and_others_are_not)
{
    struct id_table t = {0};
    for (uint32_t i = 0; i < MANY; i++)
        id_table_add(&t, hash_of(i), i + 1);
    ck_assert_uint_eq(t.count, MANY);
    for (uint32_t i = 0; i < MANY; i++)
        ck_assert_uint_eq(id_table_find(&t, hash_of(i)), i + 1);
    for (uint32_t i = MANY; i < 2 * MANY; i++)
        ck_assert_uint_eq(id_table_find(&t, hash_of(i)), 0);
    struct id_entry *sorted = id_table_sorted(&t);
    for (uint32_t i = 1; i < MANY; i++)
        ck_assert_uint_lt(sorted[i - 1].hash, sorted[i].hash);
    free(sorted);
    id_table_clear(&t);
    ck_assert_uint_eq(t.count, 0);
    ck_assert_uint_eq(id_table_find(&t, hash_of(3)), 0);
    id_table_add(&t, hash_of(3), 9);
    ck_assert_uint_eq(id_table_find(&t, hash_of(3)), 9);
    id_table_free(&t);
}
END_TEST

/* All in one place of the table. */
START_TEST(hashes_that_meet_are_kept_apart)
{
    struct id_table t = {0};
    for (uint64_t i = 0; i < 500; i++)
        id_table_add(&t, i << 32, (uint32_t)i + 1);
    for (uint64_t i = 0; i < 500; i++)
        ck_assert_uint_eq(id_table_find(&t, i << 32), i + 1);
    ck_assert_uint_eq(id_table_find(&t, 500ull << 32), 0);
    id_table_free(&t);
}
END_TEST

START_TEST(an_empty_table_has_nothing_to_sort)
{
    struct id_table t = {0};
    ck_assert_ptr_null(id_table_sorted(&t));
    id_table_clear(&t);
    id_table_free(&t);
}
END_TEST

UNIT_MAIN("id_table", of_several_offsets_the_first_stays, many_are_all_found_and_others_are_not,
          hashes_that_meet_are_kept_apart, an_empty_table_has_nothing_to_sort)
