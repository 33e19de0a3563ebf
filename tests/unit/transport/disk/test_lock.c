/* The lock: one hub a folder, and who is second is told the pid and the path. */

#include "transport/disk/lock.h"

#include "unit/guard.h"
#include "unit/transport/disk/history.h"

#include <sys/wait.h>

static int
open_folder(void)
{
    history_settings();
    int folder = open(history_path, O_RDONLY | O_DIRECTORY);
    ck_assert_int_ge(folder, 0);
    return folder;
}

START_TEST(the_second_is_told_the_pid_and_the_path)
{
    struct error err = {""};
    char pid[32];
    int folder = open_folder(), other = open_folder(), fd = -1, second = -1;
    ck_assert(lock_take(folder, history_path, &fd, &err));
    ck_assert(!lock_take(other, history_path, &second, &err));
    snprintf(pid, sizeof pid, "pid %ld", (long)getpid());
    ck_assert_ptr_nonnull(strstr(err.text, pid));
    ck_assert_ptr_nonnull(strstr(err.text, history_path));
    ck_assert_int_eq(second, -1);
    close(fd);
    close(folder);
    ck_assert(lock_take(other, history_path, &second, &err));
    close(second);
    close(other);
    history_remove();
}
END_TEST

/* Who reads "is used by another hub" may think of removing a file. */
START_TEST(it_holds_also_where_its_file_was_removed)
{
    struct error err = {""};
    char path[128];
    int folder = open_folder(), other = open_folder(), fd = -1, second = -1;
    ck_assert(lock_take(folder, history_path, &fd, &err));
    history_file(path, "lock");
    ck_assert_int_eq(unlink(path), 0);
    ck_assert(!lock_take(other, history_path, &second, &err));
    ck_assert_ptr_nonnull(strstr(err.text, "another hub"));
    close(fd);
    close(folder);
    ck_assert(lock_take(other, history_path, &second, &err));
    close(second);
    close(other);
    history_remove();
}
END_TEST

START_TEST(it_is_held_by_the_living_alone)
{
    struct error err;
    struct lock_note note;
    int folder = open_folder(), fd, ready[2], status;
    char c;
    ck_assert_int_eq(pipe(ready), 0);
    ck_assert(!lock_is_held(folder, &note));
    pid_t pid = fork();
    if (pid == 0) {
        bool ok = lock_take(folder, history_path, &fd, &err) && write(ready[1], "", 1) == 1;
        pause();
        _exit(ok ? 0 : 1);
    }
    ck_assert_int_eq(read(ready[0], &c, 1), 1);
    ck_assert(lock_is_held(folder, &note));
    kill(pid, SIGKILL);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(!lock_is_held(folder, &note));
    ck_assert(lock_take(folder, history_path, &fd, &err));
    close(fd);
    close(folder);
    history_remove();
}
END_TEST

START_TEST(the_note_comes_back_and_belongs_to_whoever_holds_the_lock)
{
    struct error err;
    struct lock_note w = {{1, 2}, {1, 1}, 99999}, r;
    int folder = open_folder(), fd;
    ck_assert(lock_take(folder, history_path, &fd, &err));
    ck_assert(lock_is_held(folder, &r));
    ck_assert_uint_eq(r.file.sequence, 0); /* none yet */
    lock_write(fd, &w);
    ck_assert(lock_is_held(folder, &r));
    ck_assert_int_eq(position_cmp(r.last, w.last), 0);
    ck_assert_int_eq(position_cmp(r.file, w.file), 0);
    ck_assert_uint_eq(r.length, 99999);
    close(fd);
    ck_assert(!lock_is_held(folder, &r));
    ck_assert_uint_eq(r.file.sequence, 0);
    ck_assert(lock_take(folder, history_path, &fd, &err));
    ck_assert(lock_is_held(folder, &r));
    ck_assert_uint_eq(r.file.sequence, 0); /* the note of the one before is gone */
    close(fd);
    close(folder);
    history_remove();
}
END_TEST

/* A job that looks at the history must not keep a hub from its start. */
START_TEST(asking_whether_it_is_held_takes_nothing)
{
    struct error err = {""};
    struct lock_note note;
    char c;
    int folder = open_folder(), fd, ready[2], status;
    ck_assert_int_eq(pipe(ready), 0);
    pid_t pid = fork();
    if (pid == 0) {
        for (bool said = false;;) {
            lock_is_held(folder, &note);
            said = said || write(ready[1], "", 1) == 1;
        }
    }
    ck_assert_int_eq(read(ready[0], &c, 1), 1);
    for (int i = 0; i < 2000; i++) {
        ck_assert_msg(lock_take(folder, history_path, &fd, &err), "%s", err.text);
        close(fd);
    }
    kill(pid, SIGKILL);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    history_remove();
    close(folder);
}
END_TEST

UNIT_MAIN("lock", the_second_is_told_the_pid_and_the_path, it_holds_also_where_its_file_was_removed,
          it_is_held_by_the_living_alone, the_note_comes_back_and_belongs_to_whoever_holds_the_lock,
          asking_whether_it_is_held_takes_nothing)
