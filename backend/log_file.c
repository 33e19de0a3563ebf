/* log_file - `log`: a format, a level, a file or standard error; and what becomes of a file that
 * has grown.
 *
 * Whichever thread writes past the bound tells main's, which alone renames: the others go on
 * writing into the file that they have, and its descriptor becomes the new one's in one step, so no
 * line is lost. */

#include "log_file.h"

#include "base/alloc.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Main's thread alone. */
static struct {
    char *path;       /* owns; NULL: standard error */
    bool has_streams; /* standard output and error go there as well */
} log_file;

enum log_level
log_file_level(const struct config *c)
{
    return c->debug ? LOG_DEBUG : c->log_level;
}

/* Not waiting: a fifo that nobody reads is an error, and not a hub that stands still. */
static int
open_file(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK, 0640);
    if (fd >= 0)
        fcntl(fd, F_SETFL, O_APPEND);
    return fd;
}

bool
log_file_open(const struct config *c, const char *path, struct error *err)
{
    int fd = STDERR_FILENO;
    if (path && (fd = open_file(path)) < 0)
        return error_set(err, "log: cannot open %s: %s", path, strerror(errno));
    free(log_file.path);
    log_file.path = path ? xstrndup(path, strlen(path)) : NULL;
    log_open(c->log_format, log_file_level(c), fd);
    return true;
}

/* Any thread. */
static void
tell_main(void)
{
    kill(getpid(), SIGUSR2);
}

static void
watch_from(const struct config *c, uint64_t size)
{
    uint64_t max = log_file.path ? c->log_max_size : 0;
    log_watch(size < max ? size : max, max, tell_main);
}

void
log_file_watch(const struct config *c)
{
    struct stat st;
    bool is_file = fstat(log_descriptor(), &st) == 0 && S_ISREG(st.st_mode);
    if (is_file)
        watch_from(c, (uint64_t)st.st_size);
}

static void
take_streams(void)
{
    if (log_file.has_streams)
        for (int fd = STDOUT_FILENO; fd <= STDERR_FILENO; fd++)
            dup2(log_descriptor(), fd);
}

void
log_file_take_streams(void)
{
    log_file.has_streams = true;
    take_streams();
}

/* Into the same descriptor, so that every thread may go on writing meanwhile. */
static bool
open_anew(void)
{
    int fd = open_file(log_file.path);
    bool ok = fd >= 0 && dup3(fd, log_descriptor(), O_CLOEXEC) >= 0;
    int why = errno;
    if (fd >= 0)
        close(fd);
    take_streams();
    errno = why;
    return ok;
}

static void
say(bool ok, const char *done, const char *failed)
{
    const char *why = ok ? "" : strerror(errno);
    if (ok)
        log_line(LOG_INFO, done, "file=%s", LOG_SLICE(slice_of(log_file.path)));
    else
        log_line(LOG_ERROR, failed, "file=%s error=%s", LOG_SLICE(slice_of(log_file.path)),
                 LOG_SLICE(slice_of(why)));
}

void
log_file_reopen(const struct config *c)
{
    if (log_file.path == NULL)
        return;
    bool ok = open_anew();
    log_file_watch(c);
    say(ok, "log_reopened", "log_reopen_failed");
}

/* FILE.1 becomes FILE.2; number 0 is FILE itself. */
static bool
move_on(unsigned number)
{
    size_t size = strlen(log_file.path) + 16;
    char *from = xalloc(size), *to = xalloc(size);
    snprintf(from, size, number ? "%s.%u" : "%s", log_file.path, number);
    snprintf(to, size, "%s.%u", log_file.path, number + 1);
    bool ok = rename(from, to) == 0 || errno == ENOENT;
    free(from);
    free(to);
    return ok;
}

void
log_file_rotate(const struct config *c)
{
    if (log_file.path == NULL)
        return;
    bool ok = true;
    for (unsigned number = (unsigned)c->log_files; ok && number-- > 0;)
        ok = move_on(number);
    ok = ok && open_anew();
    if (ok)
        log_file_watch(c);
    else
        watch_from(c, 0); /* tried again when as much has been added */
    say(ok, "log_rotated", "log_rotate_failed");
}
