/* What children of Apache count, in memory that they share. */

#include "mod_alipes/tally.h"

#include "unit/guard.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static void *kept;

/* A child that counts a stream, and a piece that it delivered. */
static pid_t
child(bool leaves)
{
    pid_t pid = fork();
    if (pid)
        return pid;
    tally_enter();
    tally_add(TALLY_STREAMS, 1);
    tally_add(TALLY_DELIVERED, 1);
    if (leaves)
        tally_leave();
    _exit(0);
}

static void
await(pid_t pid)
{
    ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
}

START_TEST(a_child_that_left_leaves_its_sums_and_no_stream)
{
    ck_assert(tally_open(&kept));
    await(child(true));
    await(child(true));
    ck_assert_int_eq(tally_sum(TALLY_STREAMS), 0);
    ck_assert_int_eq(tally_sum(TALLY_DELIVERED), 2);
}
END_TEST

START_TEST(a_child_that_was_killed_leaves_nothing)
{
    kept = NULL;
    ck_assert(tally_open(&kept));
    await(child(false));
    ck_assert_int_eq(tally_sum(TALLY_STREAMS), 0);
    tally_enter();
    tally_add(TALLY_STREAMS, 3);
    ck_assert_int_eq(tally_mine(TALLY_STREAMS), 3);
    ck_assert_int_eq(tally_sum(TALLY_STREAMS), 3);
    tally_leave();
}
END_TEST

START_TEST(a_stop_is_told_until_the_next_start)
{
    ck_assert(tally_open(&kept));
    ck_assert(!tally_is_stopped());
    tally_stop();
    ck_assert(tally_is_stopped());
    ck_assert(tally_open(&kept));
    ck_assert(!tally_is_stopped());
}
END_TEST

START_TEST(every_count_has_a_name)
{
    for (int t = 0; t < TALLY_COUNT; t++) {
        ck_assert(slice_starts(slice_of(tally_label((enum tally)t)), SLICE("Alipes")));
        ck_assert(tally_help((enum tally)t)[0]);
    }
}
END_TEST

UNIT_MAIN("tally", a_child_that_left_leaves_its_sums_and_no_stream,
          a_child_that_was_killed_leaves_nothing, a_stop_is_told_until_the_next_start,
          every_count_has_a_name)
