/* What may stand in a pid file: whoever holds it, a holder that is told has a pid that may be. */

#include "base/alloc.h"
#include "base/pid_file.h"
#include "base/slice.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const char *bytes, size_t len);

/* Made once, held and ready. */
static int
take(char path[64])
{
    struct error err;
    snprintf(path, 64, "/tmp/alipes-fuzz-%d.pid", (int)getpid());
    int fd = pid_file_take(path, &err);
    ENSURE(fd >= 0);
    pid_file_set_ready(fd, true);
    return fd;
}

int
LLVMFuzzerTestOneInput(const char *bytes, size_t len)
{
    static char path[64];
    struct pid_file_holder holder;
    struct error err;
    int fd = take(path);
    ENSURE(pwrite(fd, bytes, len, 0) == (ssize_t)len);
    enum pid_file_state state = pid_file_look(path, "/dev/null", &holder, &err);
    ENSURE(state == PID_FILE_UNKNOWN || (state == PID_FILE_READY && holder.pid > 1));
    ENSURE(state == PID_FILE_UNKNOWN || strlen(holder.host) < sizeof holder.host);
    ENSURE(strlen(holder.conf) < sizeof holder.conf && (*holder.conf || !holder.is_anothers));
    ENSURE(slice_index_control(slice_of(holder.conf)) == strlen(holder.conf));
    unlink(path);
    close(fd);
    return 0;
}
