/* The filter never denies what it has. */

#include "transport/disk/id_filter.h"

#include "unit/guard.h"

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

START_TEST(the_filter_denies_nothing_it_has_and_little_else_passes)
{
    struct id_filter f;
    unsigned wrong = 0;
    ck_assert(id_filter_init(&f, MANY));
    for (uint32_t i = 0; i < MANY; i++)
        id_filter_add(&f, hash_of(i));
    for (uint32_t i = 0; i < MANY; i++)
        ck_assert(id_filter_may_have(&f, hash_of(i)));
    for (uint32_t i = MANY; i < 2 * MANY; i++)
        wrong += id_filter_may_have(&f, hash_of(i));
    ck_assert_uint_lt(wrong, MANY / 100);
    id_filter_free(&f);
}
END_TEST

START_TEST(a_filter_of_nothing_has_nothing)
{
    struct id_filter f;
    ck_assert(id_filter_init(&f, 0));
    ck_assert(!id_filter_may_have(&f, hash_of(1)));
    id_filter_add(&f, hash_of(1));
    ck_assert(id_filter_may_have(&f, hash_of(1)));
    id_filter_free(&f);
}
END_TEST

UNIT_MAIN("id_filter", the_filter_denies_nothing_it_has_and_little_else_passes,
          a_filter_of_nothing_has_nothing)
