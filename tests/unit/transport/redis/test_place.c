/* Which server is tried next. */

#include "transport/redis/place.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct redis_server servers[] = {
    {NULL, "a", "1"}, {"/run/r.sock", NULL, NULL}, {NULL, "c", "3"}};
static const struct redis_settings settings = {.servers = servers, .server_count = 3};
static struct place place;

static void
setup(void)
{
    struct error err;
    ck_assert(place_init(&place, &settings, &err));
}

static void
teardown(void)
{
    place_fini(&place);
}

static const char *
next(void)
{
    static char text[300];
    struct wire_settings w = {.turn = 77};
    struct error err;
    ck_assert(place_next(&place, &w, &err));
    ck_assert_ptr_null(w.tls);
    snprintf(text, sizeof text, "%s%s%s %u", w.path ? w.path : w.host, w.path ? "" : ":",
             w.path ? "" : w.port, w.turn);
    return text;
}

START_TEST(servers_are_tried_in_turn_and_one_that_was_good_first)
{
    ck_assert_str_eq(next(), "a:1 0");
    ck_assert_str_eq(next(), "a:1 0");
    ck_assert(place_failed(&place));
    ck_assert_str_eq(next(), "/run/r.sock 0");
    ck_assert(place_failed(&place));
    ck_assert_str_eq(next(), "c:3 0");
    ck_assert_msg(!place_failed(&place), "each was tried: it is time to wait");
    ck_assert_str_eq(next(), "a:1 1");
}
END_TEST

START_TEST(who_is_sent_elsewhere_goes_there_once)
{
    next();
    ck_assert(place_moved(&place, SLICE("MOVED 3999 10.0.0.7:6381")));
    ck_assert_str_eq(next(), "10.0.0.7:6381 0");
    ck_assert_str_eq(next(), "10.0.0.7:6381 0");
    ck_assert(place_failed(&place));
    ck_assert_str_eq(next(), "a:1 0");
    ck_assert(place_moved(&place, SLICE("MOVED 3999 2001:db8::1:6381")));
    ck_assert_str_eq(next(), "2001:db8::1:6381 0");
    ck_assert(place_moved(&place, SLICE("MOVED 3999 :7000")));
    ck_assert_str_eq(next(), "2001:db8::1:7000 0");
    ck_assert(place_moved(&place, SLICE("MOVED 3999 ?:7001")));
    ck_assert_str_eq(next(), "2001:db8::1:7001 0");
}
END_TEST

START_TEST(what_is_no_move_is_none)
{
    static const char *const rows[] = {"",           "MOVED",           "MOVED 1",
                                       "MOVED 1 a",  "MOVED 1 a:",      "MOVED 1 a:b",
                                       "MOVED 1 :1", "MOVED 1 a:70000", "ASK 1 a:1"};
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        ck_assert_msg(!place_moved(&place, slice_of(rows[i])), "%s", rows[i]);
    ck_assert_str_eq(next(), "a:1 0");
    ck_assert(!place_is_elsewhere(&place));
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("place");
    TCase *t = tcase_create("place");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, servers_are_tried_in_turn_and_one_that_was_good_first);
    tcase_add_test(t, who_is_sent_elsewhere_goes_there_once);
    tcase_add_test(t, what_is_no_move_is_none);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
