/* text_file - a file's bytes. What is larger than its reader can use, or is no file, is refused
 * with a sentence that names it. */

#include "base/text_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool
read_all(int fd, const char *path, size_t max, struct buf *out, struct error *err)
{
    char part[4096];
    ssize_t n = 0;
    buf_init(out, max);
    while (!out->failed && ((n = read(fd, part, sizeof part)) > 0 || (n < 0 && errno == EINTR)))
        if (n > 0)
            buf_add(out, SLICE_OF(part, (size_t)n));
    if (n < 0)
        error_set(err, "cannot read %s: %s", path, strerror(errno));
    if (out->failed)
        error_set(err, "cannot read %s: it has more than %zu bytes", path, max);
    if (n >= 0 && !out->failed)
        return true;
    buf_fini(out);
    return false;
}

static bool
read_path(const char *path, bool regular_alone, size_t max, struct buf *out, struct error *err)
{
    struct stat st;
    bool ok = false;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | (regular_alone ? O_NONBLOCK : 0));
    if (fd < 0 || fstat(fd, &st) != 0)
        error_set(err, "cannot read %s: %s", path, strerror(errno));
    else if (regular_alone && !S_ISREG(st.st_mode))
        error_set(err, "cannot read %s: it is no regular file", path);
    else
        ok = read_all(fd, path, max, out, err);
    if (fd >= 0)
        close(fd);
    return ok;
}

bool
text_file_read(const char *path, size_t max, struct buf *out, struct error *err)
{
    return read_path(path, true, max, out, err);
}

bool
text_file_read_pipe(const char *path, size_t max, struct buf *out, struct error *err)
{
    return read_path(path, false, max, out, err);
}
