/* Counts by key, and what an address counts as. */

#include "hub/quota.h"

#include "unit/guard.h"

static uint64_t
key_of(const char *address)
{
    return quota_key_of_address(slice_of(address));
}

START_TEST(a_key_has_so_many_places_and_gets_them_back)
{
    struct quota *q = quota_new();
    for (int round = 0; round < 3; round++) {
        ck_assert(quota_take(q, 7, 2) && quota_take(q, 7, 2));
        ck_assert(!quota_take(q, 7, 2));
        ck_assert(quota_take(q, 8, 2));
        quota_give(q, 7);
        ck_assert(quota_take(q, 7, 2));
        quota_give(q, 7);
        quota_give(q, 7);
        quota_give(q, 8);
    }
    ck_assert(!quota_take(q, 7, 0));
    quota_free(&q);
}
END_TEST

START_TEST(addresses_of_one_ipv6_network_count_as_one_and_those_of_ipv4_each)
{
    ck_assert_uint_ne(key_of("2001:db8:1:2::1"), 0);
    ck_assert_uint_eq(key_of("2001:db8:1:2::1"), key_of("2001:db8:1:2:ffff:ffff:ffff:ffff"));
    ck_assert_uint_ne(key_of("2001:db8:1:2::1"), key_of("2001:db8:1:3::1"));
    ck_assert_uint_eq(key_of("2001:DB8:1:2:0:0:0:1"), key_of("2001:db8:1:2::1"));
    ck_assert_uint_ne(key_of("192.0.2.1"), key_of("192.0.2.2"));
    ck_assert_uint_eq(key_of("::ffff:192.0.2.1"), key_of("192.0.2.1"));
}
END_TEST

START_TEST(loopback_and_what_is_no_address_are_not_counted)
{
    static const char *const rows[] = {"127.0.0.1", "127.9.9.9", "::1",       "::ffff:127.0.0.1",
                                       "",          "unix:",     "localhost", "127.0.0.1:80"};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        ck_assert_msg(key_of(rows[i]) == 0, "%s", rows[i]);
}
END_TEST

UNIT_MAIN("hub/quota", a_key_has_so_many_places_and_gets_them_back,
          addresses_of_one_ipv6_network_count_as_one_and_those_of_ipv4_each,
          loopback_and_what_is_no_address_are_not_counted)
