/* Ranges of addresses: what is one, and what is in it. */

#include "base/cidr.h"

#include "unit/guard.h"

START_TEST(only_addresses_and_clean_ranges_are_read)
{
    static const struct slice good[] = {
        SLICE_INIT("10.0.0.0/8"), SLICE_INIT("10.1.2.3"), SLICE_INIT("::1"),
        SLICE_INIT("fd00::/8"),   SLICE_INIT("::/0"),     SLICE_INIT("0.0.0.0/0"),
    };
    static const struct slice bad[] = {
        SLICE_INIT(""),           SLICE_INIT("10.0.0.1/8"), SLICE_INIT("10.0.0.0/33"),
        SLICE_INIT("10.0.0/8"),   SLICE_INIT("::1/129"),    SLICE_INIT("10.0.0.0/"),
        SLICE_INIT("10.0.0.0/x"), SLICE_INIT("host"),       SLICE_INIT("fe80::1%eth0"),
        SLICE_INIT("::1 "),       SLICE_INIT("[::1]"),      SLICE_INIT("10.0.0.0\0/8"),
    };
    struct cidr c;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        ck_assert_msg(cidr_read(guard_copy(good[i]), &c), "row %zu", i);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        ck_assert_msg(!cidr_read(guard_copy(bad[i]), &c), "row %zu", i);
}
END_TEST

START_TEST(a_range_has_what_its_prefix_says_and_never_the_other_family)
{
    static const struct {
        struct slice range, address;
        bool has;
    } rows[] = {
        {SLICE_INIT("10.0.0.0/8"), SLICE_INIT("10.255.0.1"), true},
        {SLICE_INIT("10.0.0.0/8"), SLICE_INIT("11.0.0.1"), false},
        {SLICE_INIT("10.0.0.0/9"), SLICE_INIT("10.128.0.0"), false},
        {SLICE_INIT("10.0.0.0/8"), SLICE_INIT("::ffff:10.0.0.1"), true},
        {SLICE_INIT("0.0.0.0/0"), SLICE_INIT("::1"), false},
        {SLICE_INIT("::1"), SLICE_INIT("::1"), true},
        {SLICE_INIT("fd00::/8"), SLICE_INIT("fdff::1"), true},
        {SLICE_INIT("fd00::/8"), SLICE_INIT("fc00::1"), false},
        {SLICE_INIT("127.0.0.0/8"), SLICE_INIT("127.0.0.1"), true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct cidr c;
        unsigned char a[16];
        ck_assert(cidr_read(rows[i].range, &c) && cidr_read_address(rows[i].address, a));
        ck_assert_msg(cidr_has(&c, a) == rows[i].has, "row %zu", i);
    }
}
END_TEST

UNIT_MAIN("base/cidr", only_addresses_and_clean_ranges_are_read,
          a_range_has_what_its_prefix_says_and_never_the_other_family)
