/* Numbers of streams on a connection of the module for Apache to its hub. */

#include "mod_alipes/line.h"

#include "gateway/fastcgi/record.h"
#include "unit/guard.h"

START_TEST(a_number_is_given_again_only_once_it_is_back)
{
    struct line l;
    struct stream a = {0}, b = {0}, c = {0};
    ck_assert(line_init(&l, -1, 1));
    l.max = 2;
    ck_assert(line_number(&l, &a) && line_number(&l, &b));
    ck_assert(a.id != 0 && b.id != 0 && a.id != b.id);
    ck_assert(!line_number(&l, &c));
    ck_assert_ptr_eq(line_find(&l, a.id), &a);
    uint16_t was = a.id;
    line_unnumber(&l, &a);
    ck_assert(a.id == 0 && line_find(&l, was) == NULL);
    ck_assert(line_number(&l, &c) && c.id != b.id);
    line_fini(&l);
}
END_TEST

START_TEST(all_numbers_but_zero_are_given)
{
    static struct stream streams[LINE_IDS];
    struct line l;
    ck_assert(line_init(&l, -1, 1));
    l.max = UINT32_MAX;
    for (int i = 1; i < LINE_IDS; i++)
        ck_assert(line_number(&l, &streams[i]) && streams[i].id);
    ck_assert(!line_number(&l, &streams[0]));
    ck_assert_ptr_eq(line_find(&l, 0), NULL);
    line_unnumber(&l, &streams[77]);
    ck_assert(line_number(&l, &streams[0]));
    line_fini(&l);
}
END_TEST

START_TEST(nothing_is_said_to_a_hub_that_is_away)
{
    struct line l;
    ck_assert(line_init(&l, -1, 1));
    line_say(&l, WIRE_PAUSE, 3);
    ck_assert_uint_eq(l.out.len, 0);
    l.is_up = true;
    line_say(&l, WIRE_PAUSE, 0);
    ck_assert_uint_eq(l.out.len, 0);
    line_say(&l, WIRE_PAUSE, 3);
    ck_assert_uint_eq(l.out.len, RECORD_HEAD);
    line_fini(&l);
}
END_TEST

START_TEST(clients_come_back_one_to_five_seconds_later)
{
    struct line l;
    unsigned least = UINT32_MAX, most = 0;
    ck_assert(line_init(&l, -1, 1));
    for (int i = 0; i < 1000; i++) {
        unsigned ms = line_retry_ms(&l);
        least = ms < least ? ms : least;
        most = ms > most ? ms : most;
    }
    ck_assert(least >= 1000 && least < 1500 && most < 5000 && most > 4500);
    line_fini(&l);
}
END_TEST

UNIT_MAIN("line", a_number_is_given_again_only_once_it_is_back, all_numbers_but_zero_are_given,
          nothing_is_said_to_a_hub_that_is_away, clients_come_back_one_to_five_seconds_later)
