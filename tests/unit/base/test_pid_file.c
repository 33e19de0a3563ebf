/* Two locks and a text: what counts is who has them, whatever is written there. */

#include "base/pid_file.h"

#include "unit/guard.h"

#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char path[] = "/tmp/alipes-pid-XXXXXX";
static const char conf[] = "/etc/hostname"; /* some file that there is */
static struct pid_file_holder holder;
static struct error err;

static void
make_file(void)
{
    memcpy(path + sizeof path - 7, "XXXXXX", 6);
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    close(fd);
}

static void
write_file(const char *text)
{
    FILE *f = fopen(path, "w");
    ck_assert_ptr_nonnull(f);
    fputs(text, f);
    fclose(f);
}

static enum pid_file_state
look(void)
{
    return pid_file_look(path, conf, &holder, &err);
}

START_TEST(it_is_busy_until_it_is_ready_and_free_once_it_is_closed)
{
    make_file();
    ck_assert_int_eq(look(), PID_FILE_FREE);
    int fd = pid_file_take(path, &err);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(look(), PID_FILE_BUSY);
    ck_assert(pid_file_write(fd, path, conf, &err));
    ck_assert_int_eq(look(), PID_FILE_BUSY);
    pid_file_set_ready(fd, true);
    ck_assert_int_eq(look(), PID_FILE_READY);
    ck_assert_int_eq(holder.pid, getpid());
    ck_assert(holder.is_here);
    pid_file_set_ready(fd, false);
    ck_assert_int_eq(look(), PID_FILE_BUSY);
    close(fd);
    ck_assert_int_eq(look(), PID_FILE_FREE);
    unlink(path);
}
END_TEST

START_TEST(one_alone_has_it_and_looking_takes_nothing_away)
{
    make_file();
    int fd = pid_file_take(path, &err);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(pid_file_take(path, &err), -2);
    ck_assert_int_eq(look(), PID_FILE_BUSY);
    ck_assert_int_eq(pid_file_take(path, &err), -2);
    close(fd);
    fd = pid_file_take(path, &err);
    ck_assert_int_ge(fd, 0);
    close(fd);
    unlink(path);
}
END_TEST

START_TEST(a_child_has_it_on_and_its_death_frees_it)
{
    make_file();
    int fd = pid_file_take(path, &err);
    pid_t child = fork();
    if (child == 0)
        for (;;)
            pause();
    close(fd);
    ck_assert_int_eq(look(), PID_FILE_BUSY);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    ck_assert_int_eq(look(), PID_FILE_FREE);
    unlink(path);
}
END_TEST

START_TEST(what_is_written_means_nothing_while_nobody_has_it)
{
    make_file();
    static const char *const texts[] = {
        "1234\nhere\n/etc/hostname\n", "1234\nhere\n", "", "x", "-1\n", "stoppe\n", "stopped \n"};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        write_file(texts[i]);
        ck_assert_int_eq(look(), PID_FILE_FREE);
    }
    unlink(path);
}
END_TEST

START_TEST(a_pid_that_nobody_can_have_is_not_told)
{
    make_file();
    static const char *const texts[] = {"", "0\n", "1\nhere\n", "-5\n", "99999999999\n", "12a\n"};
    int fd = pid_file_take(path, &err);
    pid_file_set_ready(fd, true);
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        write_file(texts[i]);
        ck_assert_int_eq(look(), PID_FILE_UNKNOWN);
    }
    write_file("1234\nelsewhere\n");
    ck_assert_int_eq(look(), PID_FILE_READY);
    ck_assert_int_eq(holder.pid, 1234);
    ck_assert_str_eq(holder.host, "elsewhere");
    ck_assert(!holder.is_here);
    close(fd);
    unlink(path);
}
END_TEST

START_TEST(the_mark_of_a_stop_stays_until_it_is_taken_and_is_no_holders)
{
    make_file();
    pid_file_say_stopped(path, conf);
    ck_assert_int_eq(look(), PID_FILE_STOPPED);
    int fd = pid_file_take(path, &err);
    ck_assert(pid_file_write(fd, path, conf, &err));
    pid_file_set_ready(fd, true);
    pid_file_say_stopped(path, conf);
    ck_assert_int_eq(look(), PID_FILE_READY);
    close(fd);
    ck_assert_int_eq(look(), PID_FILE_FREE);
    unlink(path);
}
END_TEST

START_TEST(a_file_that_is_not_there_is_free_and_a_folder_says_what_it_is)
{
    make_file();
    unlink(path);
    ck_assert_int_eq(look(), PID_FILE_FREE);
    pid_file_say_stopped(path, conf);
    ck_assert_int_eq(access(path, F_OK), -1);
    ck_assert_int_eq(pid_file_take("/", &err), -1);
    ck_assert_str_eq(err.text, "pid_file /: Is a directory");
    ck_assert_int_eq(pid_file_look("/", conf, &holder, &err), PID_FILE_UNKNOWN);
    unlink(path);
}
END_TEST

static char *
make_conf(void)
{
    static char name[3][32];
    static unsigned next;
    char *made = name[next++ % COUNT_OF(name)];
    strcpy(made, "/tmp/alipes-conf-XXXXXX");
    int fd = mkstemp(made);
    ck_assert_int_ge(fd, 0);
    close(fd);
    return made;
}

/* Asked for the configuration `conf`, of what was left there for `had`. */
static bool
is_anothers(const char *had, const char *asked)
{
    pid_file_say_stopped(path, had);
    ck_assert_int_eq(pid_file_look(path, asked, &holder, &err), PID_FILE_STOPPED);
    return holder.is_anothers;
}

START_TEST(a_holder_is_another_configurations_if_that_is_there_and_another_file)
{
    make_file();
    char *a = make_conf(), *b = make_conf(), *linked = make_conf();
    ck_assert(is_anothers(a, b));
    ck_assert_str_eq(holder.conf, a);
    ck_assert(!is_anothers(a, a));
    unlink(linked);
    ck_assert_int_eq(link(a, linked), 0);
    ck_assert(!is_anothers(a, linked));
    unlink(linked);
    ck_assert_int_eq(rename(b, a), 0); /* as an editor saves it */
    ck_assert(!is_anothers(a, a));
    ck_assert_int_eq(rename(a, b), 0);
    ck_assert(!is_anothers(a, b));
    unlink(b);
    ck_assert(!is_anothers(a, a));
    ck_assert(!is_anothers("/etc/hostname/beside", "/etc/passwd"));
    unlink(path);
}
END_TEST

START_TEST(what_says_nothing_of_a_configuration_is_of_whoever_asks)
{
    make_file();
    ck_assert(!is_anothers("", conf));
    ck_assert(!is_anothers("/etc\n/hostname", conf));
    ck_assert_str_eq(holder.conf, "");
    char long_one[PID_FILE_CONF + 1];
    memset(long_one, '/', sizeof long_one - 1);
    long_one[sizeof long_one - 1] = '\0';
    ck_assert(!is_anothers(long_one, conf));
    ck_assert(is_anothers(long_one + 1, conf)); /* it is the folder / */
    ck_assert_uint_eq(strlen(holder.conf), PID_FILE_CONF - 1);
    static const char *const texts[] = {"stopped",
                                        "stopped\n",
                                        "stopped\nhere\n",
                                        "stopped\n\n\n",
                                        "stopped\nhere\n/etc\t\n",
                                        "stopped\nhere\n\x7f\n"};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        write_file(texts[i]);
        ck_assert_int_eq(look(), PID_FILE_STOPPED);
        ck_assert(!holder.is_anothers);
        ck_assert_str_eq(holder.conf, "");
    }
    unlink(path);
}
END_TEST

UNIT_MAIN("base/pid_file", it_is_busy_until_it_is_ready_and_free_once_it_is_closed,
          one_alone_has_it_and_looking_takes_nothing_away, a_child_has_it_on_and_its_death_frees_it,
          what_is_written_means_nothing_while_nobody_has_it, a_pid_that_nobody_can_have_is_not_told,
          the_mark_of_a_stop_stays_until_it_is_taken_and_is_no_holders,
          a_holder_is_another_configurations_if_that_is_there_and_another_file,
          what_says_nothing_of_a_configuration_is_of_whoever_asks,
          a_file_that_is_not_there_is_free_and_a_folder_says_what_it_is)
