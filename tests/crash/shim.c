/* shim - preloaded into the hub: notes every write, sync, cut, rename and removal of the files of
 * one folder (CRASH_FOLDER) in the order in which they happened, in CRASH_TRACE. From that the test
 * builds what a crash of the machine may leave behind.
 *
 * CRASH_FAIL_SYNC=N lets about every Nth fdatasync() of the folder's files fail, CRASH_FAIL_WRITE=N
 * every Nth pwrite(), with EIO. CRASH_DIE=N ends the process by SIGKILL with its Nth note: from
 * outside it could be hit between a change and the note of it.
 *
 * A note is: u8 kind, u32 file, u64 a, u64 b, u32 length, bytes. Files are numbered as they are
 * opened for writing; names stand in the bytes. */

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

enum kind {
    OPENED = 'o', /* a: 1 where it was emptied or made */
    WRITTEN = 'w',
    SYNCED = 's',
    SYNC_FAILED = 'f',
    CUT = 't',
    RENAMED = 'r',
    REMOVED = 'u',
    FOLDER_SYNCED = 'd',
};

enum {
    MAX_FDS = 4096
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint32_t file_of[MAX_FDS]; /* 0: not ours; 1: the folder */
static uint32_t files = 1;
static int trace = -1;
static unsigned syncs, writes, notes;
static char folder[PATH_MAX];

static int (*real_openat)(int, const char *, int, ...);
static int (*real_open)(const char *, int, ...);
static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static int (*real_fdatasync)(int), (*real_fsync)(int), (*real_close)(int), (*real_dup)(int);
static int (*real_ftruncate)(int, off_t), (*real_unlinkat)(int, const char *, int);
static int (*real_renameat)(int, const char *, int, const char *);

__attribute__((constructor)) static void
begin(void)
{
    real_openat = dlsym(RTLD_NEXT, "openat");
    real_open = dlsym(RTLD_NEXT, "open");
    real_pwrite = dlsym(RTLD_NEXT, "pwrite");
    real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
    real_fsync = dlsym(RTLD_NEXT, "fsync");
    real_close = dlsym(RTLD_NEXT, "close");
    real_dup = dlsym(RTLD_NEXT, "dup");
    real_ftruncate = dlsym(RTLD_NEXT, "ftruncate");
    real_unlinkat = dlsym(RTLD_NEXT, "unlinkat");
    real_renameat = dlsym(RTLD_NEXT, "renameat");
    const char *path = getenv("CRASH_FOLDER"), *out = getenv("CRASH_TRACE");
    if (path && out) {
        snprintf(folder, sizeof folder, "%s", path);
        trace = real_open(out, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    }
}

static unsigned
every(const char *variable)
{
    const char *text = getenv(variable);
    return text ? (unsigned)strtoul(text, NULL, 10) : 0;
}

static void
note(enum kind kind, uint32_t file, uint64_t a, uint64_t b, const void *bytes, uint32_t length)
{
    unsigned char head[25];
    head[0] = (unsigned char)kind;
    memcpy(head + 1, &file, 4);
    memcpy(head + 5, &a, 8);
    memcpy(head + 13, &b, 8);
    memcpy(head + 21, &length, 4);
    struct iovec parts[2] = {{head, sizeof head}, {(void *)bytes, length}};
    if (writev(trace, parts, 2) != (ssize_t)(sizeof head + length))
        abort();
    if (++notes == every("CRASH_DIE"))
        raise(SIGKILL);
}

static uint32_t
ours(int fd)
{
    return trace >= 0 && fd >= 0 && fd < MAX_FDS ? file_of[fd] : 0;
}

int
open(const char *path, int flags, ...)
{
    va_list ap;
    va_start(ap, flags);
    int mode = va_arg(ap, int);
    va_end(ap);
    int fd = real_open(path, flags, mode);
    if (fd >= 0 && fd < MAX_FDS && trace >= 0)
        file_of[fd] = strcmp(path, folder) == 0 ? 1 : 0;
    return fd;
}

int
openat(int at, const char *path, int flags, ...)
{
    va_list ap;
    va_start(ap, flags);
    int mode = va_arg(ap, int);
    va_end(ap);
    pthread_mutex_lock(&lock);
    int is_new = ours(at) == 1 && (flags & O_CREAT) && faccessat(at, path, F_OK, 0) != 0;
    int fd = real_openat(at, path, flags, mode);
    if (fd >= 0 && fd < MAX_FDS)
        file_of[fd] = 0;
    if (fd >= 0 && fd < MAX_FDS && ours(at) == 1 && (flags & O_ACCMODE) != O_RDONLY) {
        file_of[fd] = ++files;
        note(OPENED, files, is_new || (flags & O_TRUNC), 0, path, (uint32_t)strlen(path));
    }
    pthread_mutex_unlock(&lock);
    return fd;
}

int
dup(int old)
{
    int fd = real_dup(old);
    if (fd >= 0 && fd < MAX_FDS)
        file_of[fd] = ours(old);
    return fd;
}

int
close(int fd)
{
    if (fd >= 0 && fd < MAX_FDS)
        file_of[fd] = 0;
    return real_close(fd);
}

ssize_t
pwrite(int fd, const void *bytes, size_t length, off_t offset)
{
    uint32_t file = ours(fd);
    if (file == 0)
        return real_pwrite(fd, bytes, length, offset);
    pthread_mutex_lock(&lock);
    unsigned n = every("CRASH_FAIL_WRITE");
    ssize_t done = -1;
    if (n && ++writes % n == 0) {
        length /= 2; /* some of it may have arrived all the same */
        if (length && real_pwrite(fd, bytes, length, offset) == (ssize_t)length)
            note(WRITTEN, file, (uint64_t)offset, 0, bytes, (uint32_t)length);
        errno = EIO;
    } else {
        done = real_pwrite(fd, bytes, length, offset);
        if (done > 0)
            note(WRITTEN, file, (uint64_t)offset, 0, bytes, (uint32_t)done);
    }
    int why = errno;
    pthread_mutex_unlock(&lock);
    errno = why;
    return done;
}

/* The note stands behind the sync: what was written while it ran may or may not be covered, so only
 * what was noted before it began is. */
static int
sync_file(int fd, int (*real)(int))
{
    uint32_t file = ours(fd);
    if (file == 0)
        return real(fd);
    pthread_mutex_lock(&lock);
    off_t covered = lseek(trace, 0, SEEK_END);
    unsigned n = file > 1 ? every("CRASH_FAIL_SYNC") : 0;
    int fails = n && ++syncs % n == 0;
    pthread_mutex_unlock(&lock);
    int done = fails ? -1 : real(fd);
    pthread_mutex_lock(&lock);
    note(fails       ? SYNC_FAILED
         : file == 1 ? FOLDER_SYNCED
                     : SYNCED,
         file, (uint64_t)covered, 0, "", 0);
    pthread_mutex_unlock(&lock);
    if (fails)
        errno = EIO;
    return done;
}

int
fdatasync(int fd)
{
    return sync_file(fd, real_fdatasync);
}

int
fsync(int fd)
{
    return sync_file(fd, real_fsync);
}

int
ftruncate(int fd, off_t length)
{
    uint32_t file = ours(fd);
    pthread_mutex_lock(&lock);
    int done = real_ftruncate(fd, length);
    if (file && done == 0)
        note(CUT, file, (uint64_t)length, 0, "", 0);
    pthread_mutex_unlock(&lock);
    return done;
}

int
renameat(int at, const char *from, int to_at, const char *to)
{
    char both[512];
    pthread_mutex_lock(&lock);
    int done = real_renameat(at, from, to_at, to);
    if (ours(at) == 1 && done == 0) {
        int length = snprintf(both, sizeof both, "%s/%s", from, to);
        note(RENAMED, 0, 0, 0, both, (uint32_t)length);
    }
    pthread_mutex_unlock(&lock);
    return done;
}

int
unlinkat(int at, const char *path, int flags)
{
    pthread_mutex_lock(&lock);
    int done = real_unlinkat(at, path, flags);
    if (ours(at) == 1 && done == 0)
        note(REMOVED, 0, 0, 0, path, (uint32_t)strlen(path));
    pthread_mutex_unlock(&lock);
    return done;
}
