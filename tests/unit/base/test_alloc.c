/* A mistake of our own ends the process with one line that can be reported. */

#include "base/alloc.h"

#include "unit/guard.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

START_TEST(a_broken_assertion_writes_one_line_and_aborts)
{
    int pipe_fds[2], status;
    char line[1000];
    ck_assert_int_eq(pipe(pipe_fds), 0);
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        signal(SIGABRT, SIG_DFL);
        dup2(pipe_fds[1], STDERR_FILENO);
        ENSURE(1 + 1 == 3);
        _exit(0);
    }
    close(pipe_fds[1]);
    size_t len = 0;
    ssize_t n;
    while ((n = read(pipe_fds[0], line + len, sizeof line - 1 - len)) > 0)
        len += (size_t)n;
    line[len] = 0;
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    ck_assert_ptr_eq(strchr(line, '\n'), line + len - 1);
    ck_assert_ptr_nonnull(strstr(line, "event=bug at=tests/unit/base/test_alloc.c:"));
    ck_assert_ptr_nonnull(strstr(line, "broken=\"1 + 1 == 3\""));
}
END_TEST

START_TEST(a_size_that_cannot_be_had_is_told)
{
    ck_assert_ptr_null(try_alloc((size_t)1 << 62));
    char *kept = try_alloc(10);
    ck_assert_ptr_nonnull(kept);
    free(kept);
    char *zeroed = xalloc(100);
    for (int i = 0; i < 100; i++)
        ck_assert_int_eq(zeroed[i], 0);
    free(zeroed);
}
END_TEST

UNIT_MAIN("base/alloc", a_broken_assertion_writes_one_line_and_aborts,
          a_size_that_cannot_be_had_is_told)
