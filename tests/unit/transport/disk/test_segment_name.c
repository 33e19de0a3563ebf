/* The names of a segment's files. */

#include "transport/disk/segment_name.h"

#include "unit/guard.h"

START_TEST(names_come_back_and_others_are_refused)
{
    static const char *const others[] = {"",
                                         ".log",
                                         "lock",
                                         "prepared",
                                         "0000000000000001-000000000000000a",
                                         "0000000000000001-000000000000000a.idx",
                                         "0000000000000001-000000000000000A.log",
                                         "0000000000000001-00000000000000a.log",
                                         "1-a.log",
                                         " 000000000000001-000000000000000a.log",
                                         "+000000000000001-000000000000000a.log",
                                         "0x00000000000001-000000000000000a.log",
                                         "0000000000000001-000000000000000a.log.tmp",
                                         "0000000000000001-000000000000000a.new",
                                         "00000000000000001-000000000000000a.log",
                                         "0000000000000001_000000000000000a.log"};
    char name[SEGMENT_NAME];
    struct position p, all = {UINT64_MAX, 10};
    segment_name(name, all, ".log");
    ck_assert_str_eq(name, "ffffffffffffffff-000000000000000a.log");
    ck_assert(segment_name_read(name, ".log", &p));
    ck_assert_int_eq(position_cmp(p, all), 0);
    for (size_t i = 0; i < COUNT_OF(others); i++)
        ck_assert_msg(!segment_name_read(others[i], ".log", &p), "%s", others[i]);
}
END_TEST

UNIT_MAIN("segment_name", names_come_back_and_others_are_refused)
