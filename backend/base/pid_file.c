/* pid_file - two locks, and a text that means nothing without them.
 *
 * Byte 0 is locked from the beginning of a process to its death, however that comes; byte 1 while
 * it is ready. Both belong to the open file, so a fork takes them along, and they can be asked
 * about without being taken: who looks is in nobody's way. A pid is believed only while byte 1 is
 * locked, and was written before that; so neither a stale file nor a pid that another process has
 * by now means anything. Nobody removes the file: two could hold two of one name.
 *
 * The text is three lines: the pid, or that it was stopped; the machine; the configuration, by its
 * path without links. A file that two configurations name is by that one's of them alone. It is the
 * file that counts: one that is edited, or reached by another way, is the same, and one that is not
 * where it was has been moved to wherever it is asked for from. What says nothing of it (earlier
 * hubs', a path that no line can hold) is of whoever asks. */

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
    MAX_HOST = sizeof((struct pid_file_holder *)NULL)->host,
    MAX_TEXT = PID_FILE_CONF + 128,
};

static const char stopped[] = "stopped";

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

/* Can it stand on a line, and on a terminal? */
static bool
is_plain(struct slice line)
{
    return line.len < PID_FILE_CONF && slice_index_control(line) == line.len;
}

/* What it had on the disk is kept, so that a full one does not matter. */
static bool
write_text(int fd, const char *state, const char *conf)
{
    char host[MAX_HOST] = "", text[MAX_TEXT];
    gethostname(host, sizeof host - 1);
    int len = snprintf(text, sizeof text, "%s\n%s\n%s\n", state, host,
                       is_plain(slice_of(conf)) ? conf : "");
    return pwrite(fd, text, (size_t)len, 0) == len && ftruncate(fd, len) == 0;
}

bool
pid_file_write(int fd, const char *path, const char *conf, struct error *err)
{
    char pid[16];
    snprintf(pid, sizeof pid, "%d", (int)getpid());
    return write_text(fd, pid, conf) || error_set(err, "pid_file %s: %s", path, strerror(errno));
}

void
pid_file_set_ready(int fd, bool ready)
{
    set_lock(fd, ready ? F_WRLCK : F_UNLCK, BYTE_READY);
}

void
pid_file_say_stopped(const char *path, const char *conf)
{
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd >= 0 && !is_locked(fd, BYTE_HELD))
        write_text(fd, stopped, conf);
    if (fd >= 0)
        close(fd);
}

static bool
is_another(const char *had, const char *conf)
{
    struct stat a, b;
    if (*had == '\0' || strcmp(had, conf) == 0)
        return false;
    if (stat(had, &a) != 0)
        return errno != ENOENT && errno != ENOTDIR;
    return stat(conf, &b) != 0 || a.st_dev != b.st_dev || a.st_ino != b.st_ino;
}

/* Returns its first line. */
static struct slice
read_text(struct slice text, const char *conf, struct pid_file_holder *ret)
{
    struct slice first = {0}, host = {0}, had = {0};
    char here[MAX_HOST] = "";
    gethostname(here, sizeof here - 1);
    if (slice_cut(&text, '\n', &first) && slice_cut(&text, '\n', &host))
        slice_cut(&text, '\n', &had);
    if (is_plain(host))
        snprintf(ret->host, sizeof ret->host, SLICE_FMT, SLICE_ARG(host));
    if (is_plain(had))
        snprintf(ret->conf, sizeof ret->conf, SLICE_FMT, SLICE_ARG(had));
    ret->is_here = slice_eq(host, slice_of(here));
    ret->is_anothers = is_another(ret->conf, conf);
    return first;
}

static enum pid_file_state
look(int fd, const char *conf, struct pid_file_holder *ret, struct error *err)
{
    char text[MAX_TEXT];
    struct stat st;
    uint64_t pid = 0;
    bool is_ready = is_locked(fd, BYTE_READY);
    bool is_held = is_ready || is_locked(fd, BYTE_HELD);
    ssize_t n = pread(fd, text, sizeof text, 0);
    struct slice first = read_text(SLICE_OF(text, n > 0 ? (size_t)n : 0), conf, ret);
    if (!is_ready && is_held)
        return PID_FILE_BUSY;
    if (!is_held)
        return slice_eq(first, slice_of(stopped)) ? PID_FILE_STOPPED : PID_FILE_FREE;
    if (!slice_u64(first, INT32_MAX, &pid) || pid <= 1 || fstat(fd, &st) != 0) {
        error_set(err, "somebody else wrote into it");
        return PID_FILE_UNKNOWN;
    }
    ret->pid = (pid_t)pid;
    ret->since = st.st_mtime;
    return PID_FILE_READY;
}

enum pid_file_state
pid_file_look(const char *path, const char *conf, struct pid_file_holder *ret, struct error *err)
{
    *ret = (struct pid_file_holder){0};
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return PID_FILE_FREE;
    if (fd < 0) {
        error_set(err, "%s: %s", path, strerror(errno));
        return PID_FILE_UNKNOWN;
    }
    enum pid_file_state state = look(fd, conf, ret, err);
    close(fd);
    return state;
}
