/* shim - preloaded into the hub: lets the test make trouble while the hub runs. What is wrong
 * stands in a file (TROUBLE) that the test writes and this maps: a clock that is off, writes,
 * syncs, opens (for writing: open_error; for reading: look_error) and reads of one folder
 * (TROUBLE_FOLDER) that fail, for good or a number of times, syncs that take long or wait
 * for leave, another file system. */

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

/* tests/system/trouble.py packs it. */
struct trouble {
    _Atomic int64_t clock_ms, boot_ms, filesystem;
    atomic_int write_error, sync_error, open_error, read_error, look_error, sync_ms, short_write;
    atomic_int syncs; /* 0: they go on; else so many yet, at -1 the next waits, at -2 it does */
    atomic_int times; /* 0: until it is over; else so many calls fail yet, at -1 none */
};

static struct trouble none, *now = &none;
static char folder[PATH_MAX];

static int (*real_clock_gettime)(clockid_t, struct timespec *);
static int (*real_openat)(int, const char *, int, ...);
static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static ssize_t (*real_pread)(int, void *, size_t, off_t);
static int (*real_fdatasync)(int), (*real_fsync)(int), (*real_fstatfs)(int, struct statfs *);

__attribute__((constructor)) static void
begin(void)
{
    real_clock_gettime = dlsym(RTLD_NEXT, "clock_gettime");
    real_openat = dlsym(RTLD_NEXT, "openat");
    real_pwrite = dlsym(RTLD_NEXT, "pwrite");
    real_pread = dlsym(RTLD_NEXT, "pread");
    real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
    real_fsync = dlsym(RTLD_NEXT, "fsync");
    real_fstatfs = dlsym(RTLD_NEXT, "fstatfs");
    const char *path = getenv("TROUBLE"), *where = getenv("TROUBLE_FOLDER");
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (fd < 0 || where == NULL)
        return;
    snprintf(folder, sizeof folder, "%s", where);
    void *at = mmap(NULL, sizeof *now, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (at == MAP_FAILED)
        abort();
    now = at;
    close(fd);
}

static int
is_ours(int fd)
{
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    return n > 0 && (size_t)n >= strlen(folder) && memcmp(path, folder, strlen(folder)) == 0;
}

static int
fails(atomic_int *error, int fd)
{
    int e = atomic_load(error);
    if (e == 0 || !is_ours(fd))
        return 0;
    int times = atomic_load(&now->times);
    while (times && !atomic_compare_exchange_weak(&now->times, &times, times > 1 ? times - 1 : -1))
        ;
    if (times < 0)
        return 0;
    errno = e;
    return 1;
}

int
clock_gettime(clockid_t which, struct timespec *t)
{
    int64_t off = which == CLOCK_REALTIME   ? atomic_load(&now->clock_ms)
                  : which == CLOCK_BOOTTIME ? atomic_load(&now->boot_ms)
                                            : 0;
    int done = real_clock_gettime ? real_clock_gettime(which, t) : -1;
    if (done != 0 || off == 0)
        return done;
    int64_t ms = (int64_t)t->tv_sec * 1000 + t->tv_nsec / 1000000 + off;
    t->tv_sec = (time_t)(ms / 1000);
    t->tv_nsec = (long)(ms % 1000) * 1000000;
    return 0;
}

int
openat(int at, const char *path, int flags, ...)
{
    va_list ap;
    va_start(ap, flags);
    int mode = va_arg(ap, int);
    va_end(ap);
    if (fails((flags & O_ACCMODE) != O_RDONLY ? &now->open_error : &now->look_error, at))
        return -1;
    return real_openat(at, path, flags, mode);
}

ssize_t
pwrite(int fd, const void *bytes, size_t length, off_t offset)
{
    if (atomic_load(&now->short_write) && is_ours(fd) && length > 1)
        length /= 2;
    return fails(&now->write_error, fd) ? -1 : real_pwrite(fd, bytes, length, offset);
}

ssize_t
pread(int fd, void *bytes, size_t length, off_t offset)
{
    return fails(&now->read_error, fd) ? -1 : real_pread(fd, bytes, length, offset);
}

static void
wait_for_leave(void)
{
    int left;
    while ((left = atomic_load(&now->syncs)) != 0) {
        int then = left > 1 ? left - 1 : left == 1 ? -1 : -2;
        if (atomic_compare_exchange_strong(&now->syncs, &left, then) && left > 0)
            return;
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
}

static int
sync_file(int fd, int (*real)(int))
{
    int ms = atomic_load(&now->sync_ms);
    if (ms && is_ours(fd))
        nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L}, NULL);
    if (atomic_load(&now->syncs) && is_ours(fd))
        wait_for_leave();
    return fails(&now->sync_error, fd) ? -1 : real(fd);
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
fstatfs(int fd, struct statfs *fs)
{
    int done = real_fstatfs(fd, fs);
    int64_t kind = atomic_load(&now->filesystem);
    if (done == 0 && kind && is_ours(fd))
        fs->f_type = (__typeof__(fs->f_type))kind;
    return done;
}
