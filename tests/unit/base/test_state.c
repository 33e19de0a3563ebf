/* Machines: a move is made and told, and one that is not in the table ends the process. */

#include "base/state.h"

#include "base/log.h"
#include "unit/guard.h"

#include <check.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum light {
    LIGHT_NEW,
    LIGHT_RED,
    LIGHT_GREEN,
};

static const struct machine machine = {
    .event = "light_state",
    .names = (const char *const[]){"NEW", "RED", "GREEN"},
    .from =
        (const uint32_t[]){
            [LIGHT_RED] = STATE_BIT(LIGHT_NEW) | STATE_BIT(LIGHT_GREEN),
            [LIGHT_GREEN] = STATE_BIT(LIGHT_RED),
        },
};

/* What is logged of `from` -> RED -> GREEN where `least` is the least that is wanted. */
static const char *
told(enum log_level least)
{
    static char text[1000];
    int ends[2];
    enum light light = LIGHT_NEW;
    ck_assert_int_eq(pipe(ends), 0);
    log_open(LOG_LOGFMT, least, ends[1]);
    state_move(&machine, &light, LIGHT_RED, 7);
    ck_assert_int_eq(light, LIGHT_RED);
    state_move(&machine, &light, LIGHT_GREEN, 7);
    ck_assert_int_eq(light, LIGHT_GREEN);
    log_open(LOG_LOGFMT, LOG_INFO, STDERR_FILENO);
    close(ends[1]);
    ssize_t n = read(ends[0], text, sizeof text - 1);
    ck_assert_int_ge(n, 0);
    text[n] = 0;
    close(ends[0]);
    return text;
}

START_TEST(a_move_is_made_and_told_with_both_names)
{
    const char *text = told(LOG_DEBUG);
    ck_assert_ptr_nonnull(strstr(text, "event=light_state conn=7 from=NEW to=RED\n"));
    ck_assert_ptr_nonnull(strstr(text, "event=light_state conn=7 from=RED to=GREEN\n"));
}
END_TEST

START_TEST(nothing_is_told_where_the_log_does_not_want_it)
{
    ck_assert_str_eq(told(LOG_INFO), "");
}
END_TEST

static bool
ends_the_process(enum light light, enum light to)
{
    int status;
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        signal(SIGABRT, SIG_DFL);
        close(STDERR_FILENO);
        state_move(&machine, &light, to, 0);
        _exit(0);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

START_TEST(a_move_that_the_table_does_not_have_ends_the_process)
{
    ck_assert(!ends_the_process(LIGHT_NEW, LIGHT_RED));
    ck_assert(ends_the_process(LIGHT_NEW, LIGHT_GREEN));
    ck_assert(ends_the_process(LIGHT_RED, LIGHT_RED));
    ck_assert(ends_the_process(LIGHT_RED, LIGHT_NEW));
}
END_TEST

UNIT_MAIN("base/state", a_move_is_made_and_told_with_both_names,
          nothing_is_told_where_the_log_does_not_want_it,
          a_move_that_the_table_does_not_have_ends_the_process)
