/* file - reading and writing that goes on until all is done. */

#include "transport/disk/file.h"

#include "base/alloc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum {
    ZEROS = 256 * 1024,
    SPARE_SHARE = 4,
};

bool
file_write_at(int fd, struct slice s, uint64_t offset)
{
    while (s.len) {
        ssize_t n = pwrite(fd, s.ptr, s.len, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            errno = n ? errno : EIO;
            return false;
        }
        s = slice_from(s, (size_t)n);
        offset += (uint64_t)n;
    }
    return true;
}

ssize_t
file_read_at(int fd, char *out, size_t len, uint64_t offset)
{
    size_t done = 0;
    while (done < len) {
        ssize_t n = pread(fd, out + done, len - done, (off_t)(offset + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        if (n == 0)
            break;
        done += (size_t)n;
    }
    return (ssize_t)done;
}

bool
file_read_whole(int folder, const char *name, uint64_t max, char **ret, size_t *ret_len)
{
    struct stat st;
    int fd = openat(folder, name, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool ok = fstat(fd, &st) == 0;
    size_t size = ok ? (size_t)st.st_size : 0;
    if (max && size > max)
        size = max;
    *ret = ok ? try_alloc(size + 1) : NULL;
    if (*ret == NULL) {
        if (ok)
            errno = ENOMEM;
        ok = false;
    }
    ssize_t n = ok ? file_read_at(fd, *ret, size, 0) : -1;
    int why = errno;
    close(fd);
    if (n < 0) {
        free(*ret);
        *ret = NULL;
        errno = why;
        return false;
    }
    *ret_len = (size_t)n;
    return true;
}

bool
file_replace(int folder, const char *name, struct slice s)
{
    char beside[256];
    snprintf(beside, sizeof beside, "%.200s.tmp", name);
    int fd = openat(folder, beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
    if (fd < 0)
        return false;
    bool ok = file_write_at(fd, s, 0);
    int why = errno;
    close(fd);
    if (ok && renameat(folder, beside, folder, name) == 0)
        return true;
    why = ok ? errno : why;
    unlinkat(folder, beside, 0);
    errno = why;
    return false;
}

static bool
has_room(int folder, uint64_t size)
{
    struct statvfs fs;
    return fstatvfs(folder, &fs) != 0 ||
           (uint64_t)fs.f_bavail * fs.f_frsize >= size + size / SPARE_SHARE;
}

bool
file_make_zeros(int folder, const char *name, uint64_t size)
{
    static const char zeros[ZEROS];
    char beside[256];
    if (!has_room(folder, size)) {
        errno = ENOSPC;
        return false;
    }
    snprintf(beside, sizeof beside, "%.200s.tmp", name);
    int fd = openat(folder, beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
    if (fd < 0)
        return false;
    bool ok = true;
    for (uint64_t at = 0; ok && at < size; at += ZEROS)
        ok = file_write_at(fd, SLICE_OF(zeros, size - at < ZEROS ? size - at : ZEROS), at);
    ok = ok && fsync(fd) == 0;
    int why = errno;
    close(fd);
    if (ok && renameat(folder, beside, folder, name) == 0)
        return true;
    why = ok ? errno : why;
    unlinkat(folder, beside, 0);
    errno = why;
    return false;
}
