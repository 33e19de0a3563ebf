/* log_file - `log`: a format, a level, a file or standard error. */

#include "log_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum log_level
log_file_level(const struct config *c)
{
    return c->debug ? LOG_DEBUG : c->log_level;
}

bool
log_file_open(const struct config *c, struct error *err)
{
    int fd = STDERR_FILENO;
    if (c->log_file &&
        (fd = open(c->log_file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640)) < 0)
        return error_set(err, "log: cannot open %s: %s", c->log_file, strerror(errno));
    log_open(c->log_format, log_file_level(c), fd);
    return true;
}

/* Into the same descriptor, so
 * that every thread may go on writing meanwhile. */
void
log_file_reopen(const struct config *c)
{
    if (c->log_file == NULL)
        return;
    int fd = open(c->log_file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
    if (fd < 0 || dup3(fd, log_descriptor(), O_CLOEXEC) < 0)
        log_line(LOG_ERROR, "log_reopen_failed", "file=%s error=%s",
                 LOG_SLICE(slice_of(c->log_file)), LOG_SLICE(slice_of(strerror(errno))));
    else
        log_line(LOG_INFO, "log_reopened", "file=%s", LOG_SLICE(slice_of(c->log_file)));
    if (fd >= 0)
        close(fd);
}
