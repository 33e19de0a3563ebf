/* program - runs a program with one argument, without a shell, and reads its first line. */

#include "cli/doctor/program.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    PATIENCE_MS = 5000
};

extern char **environ;

static bool
start(const char *path, const char *argument, int out, pid_t *ret)
{
    char *const argv[] = {(char *)path, (char *)argument, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", 0, 0);
    posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, out, STDERR_FILENO);
    bool ok = posix_spawn(ret, path, &actions, NULL, argv, environ) == 0;
    posix_spawn_file_actions_destroy(&actions);
    return ok;
}

static void
read_line(int fd, char *out, size_t cap)
{
    struct pollfd at = {.fd = fd, .events = POLLIN};
    size_t len = 0;
    ssize_t n;
    while (len + 1 < cap && poll(&at, 1, PATIENCE_MS) > 0 &&
           (n = read(fd, out + len, cap - len - 1)) > 0 && !memchr(out + len, '\n', (size_t)n))
        len += (size_t)n;
    out[strcspn(out, "\n")] = 0;
}

bool
program_line(const char *path, const char *argument, char *out, size_t cap)
{
    int ends[2];
    pid_t child;
    memset(out, 0, cap);
    if (pipe2(ends, O_CLOEXEC) != 0)
        return false;
    bool ok = start(path, argument, ends[1], &child);
    close(ends[1]);
    if (ok)
        read_line(ends[0], out, cap);
    close(ends[0]);
    if (ok) {
        kill(child, SIGKILL);
        while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
            ;
    }
    return out[0] != 0;
}
