/* pid_file - two locks, and a text that means nothing without them.
 *
 * Byte 0 is locked from the beginning of a process to its death, however that comes; byte 1 while
 * it is ready. Both belong to the open file, so a fork takes them along, and they can be asked
 * about without being taken: who looks is in nobody's way. A pid is believed only while byte 1 is
 * locked, and was written before that; so neither a stale file nor a pid that another process has
 * by now means anything. Nobody removes the file: two could hold two of one name. */

#include "base/pid_file.h"

#include "base/slice.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    BYTE_HELD,
    BYTE_READY,
    MAX_TEXT = 128,
    MAX_HOST = sizeof((struct pid_file_holder *)NULL)->host,
};

static const char stopped[] = "stopped\n";

static struct flock
lock_of(short type, off_t byte)
{
    return (struct flock){.l_type = type, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1};
}

static bool
set_lock(int fd, short type, off_t byte)
{
    struct flock lock = lock_of(type, byte);
    return fcntl(fd, F_OFD_SETLK, &lock) == 0;
}

/* By another open file than this. */
static bool
is_locked(int fd, off_t byte)
{
    struct flock lock = lock_of(F_WRLCK, byte);
    return fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

int
pid_file_take(const char *path, struct error *err)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0) {
        error_set(err, "pid_file %s: %s", path, strerror(errno));
        return -1;
    }
    if (set_lock(fd, F_WRLCK, BYTE_HELD))
        return fd;
    bool is_taken = errno == EAGAIN || errno == EACCES;
    if (!is_taken)
        error_set(err,
                  "pid_file %s: it cannot be locked: %s; name one in a folder whose locks work",
                  path, strerror(errno));
    close(fd);
    return is_taken ? -2 : -1;
}

/* What it had on the disk is kept, so that a full one does not matter. */
static bool
write_text(int fd, const char *text)
{
    size_t len = strlen(text);
    return pwrite(fd, text, len, 0) == (ssize_t)len && ftruncate(fd, (off_t)len) == 0;
}

bool
pid_file_write(int fd, const char *path, struct error *err)
{
    char host[MAX_HOST] = "", text[MAX_TEXT];
    gethostname(host, sizeof host - 1);
    snprintf(text, sizeof text, "%d\n%s\n", (int)getpid(), host);
    return write_text(fd, text) || error_set(err, "pid_file %s: %s", path, strerror(errno));
}

void
pid_file_set_ready(int fd, bool ready)
{
    set_lock(fd, ready ? F_WRLCK : F_UNLCK, BYTE_READY);
}

void
pid_file_say_stopped(const char *path)
{
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd >= 0 && !is_locked(fd, BYTE_HELD))
        write_text(fd, stopped);
    if (fd >= 0)
        close(fd);
}

static bool
read_holder(int fd, struct slice text, struct pid_file_holder *ret)
{
    struct stat st;
    struct slice line;
    uint64_t pid;
    char here[MAX_HOST] = "";
    if (!slice_cut(&text, '\n', &line) || !slice_u64(line, INT32_MAX, &pid) || fstat(fd, &st) != 0)
        return false;
    slice_cut(&text, '\n', &line);
    gethostname(here, sizeof here - 1);
    snprintf(ret->host, sizeof ret->host, SLICE_FMT, SLICE_ARG(line));
    ret->is_here = slice_eq(line, slice_of(here));
    ret->pid = (pid_t)pid;
    ret->since = st.st_mtime;
    return pid > 1;
}

static enum pid_file_state
look(int fd, struct pid_file_holder *ret, struct error *err)
{
    char text[MAX_TEXT];
    bool is_ready = is_locked(fd, BYTE_READY);
    bool is_held = is_ready || is_locked(fd, BYTE_HELD);
    ssize_t n = pread(fd, text, sizeof text, 0);
    struct slice all = SLICE_OF(text, n > 0 ? (size_t)n : 0);
    if (is_ready && read_holder(fd, all, ret))
        return PID_FILE_READY;
    if (is_ready) {
        error_set(err, "somebody else wrote into it");
        return PID_FILE_UNKNOWN;
    }
    if (is_held)
        return PID_FILE_BUSY;
    return slice_eq(all, slice_of(stopped)) ? PID_FILE_STOPPED : PID_FILE_FREE;
}

enum pid_file_state
pid_file_look(const char *path, struct pid_file_holder *ret, struct error *err)
{
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return PID_FILE_FREE;
    if (fd < 0) {
        error_set(err, "%s: %s", path, strerror(errno));
        return PID_FILE_UNKNOWN;
    }
    enum pid_file_state state = look(fd, ret, err);
    close(fd);
    return state;
}
