/* The wheel: never early, never lost, whatever the distance. */

#include "loop/timer.h"

#include <check.h>
#include <stdlib.h>

static unsigned fired;

static void
count(struct timer *t)
{
    (void)t;
    fired++;
}

START_TEST(a_timer_is_never_early_and_at_most_two_ticks_late)
{
    static const uint64_t afters[] = {1, 99, 100, 101, 5000, 102400, 102500, 1000000};
    for (size_t i = 0; i < sizeof afters / sizeof afters[0]; i++) {
        struct timer_wheel w;
        struct timer t;
        uint64_t now = 123456;
        timer_wheel_init(&w, now);
        timer_init(&t, count);
        fired = 0;
        timer_arm(&w, &t, afters[i]);
        while (now < 123456 + afters[i]) {
            ck_assert_uint_eq(fired, 0);
            now += 100;
            if (now >= 123456 + afters[i])
                break;
            timer_wheel_advance(&w, now);
        }
        timer_wheel_advance(&w, now + 200);
        ck_assert_uint_eq(fired, 1);
        ck_assert_uint_eq(t.due_ms, 0);
    }
}
END_TEST

START_TEST(a_disarmed_timer_does_not_fire)
{
    struct timer_wheel w;
    struct timer t;
    timer_wheel_init(&w, 0);
    timer_init(&t, count);
    fired = 0;
    timer_arm(&w, &t, 300);
    timer_disarm(&t);
    timer_disarm(&t);
    timer_wheel_advance(&w, 100000);
    ck_assert_uint_eq(fired, 0);
}
END_TEST

START_TEST(arming_again_moves_it)
{
    struct timer_wheel w;
    struct timer t;
    timer_wheel_init(&w, 0);
    timer_init(&t, count);
    fired = 0;
    timer_arm(&w, &t, 300);
    timer_arm(&w, &t, 3000);
    timer_wheel_advance(&w, 1000);
    ck_assert_uint_eq(fired, 0);
    timer_wheel_advance(&w, 3200);
    ck_assert_uint_eq(fired, 1);
}
END_TEST

START_TEST(a_process_that_slept_for_an_hour_fires_once)
{
    struct timer_wheel w;
    struct timer t;
    timer_wheel_init(&w, 0);
    timer_init(&t, count);
    fired = 0;
    timer_arm(&w, &t, 5000);
    timer_wheel_advance(&w, 3600 * 1000);
    ck_assert_uint_eq(fired, 1);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("timer");
    TCase *c = tcase_create("wheel");
    tcase_add_test(c, a_timer_is_never_early_and_at_most_two_ticks_late);
    tcase_add_test(c, a_disarmed_timer_does_not_fire);
    tcase_add_test(c, arming_again_moves_it);
    tcase_add_test(c, a_process_that_slept_for_an_hour_fires_once);
    suite_add_tcase(s, c);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
