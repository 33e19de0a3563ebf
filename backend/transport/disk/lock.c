/* lock - one hub a folder, and what it has committed. */

#include "transport/disk/lock.h"

#include "base/clock.h"
#include "base/le.h"
#include "transport/disk/crc.h"
#include "transport/disk/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

enum {
    AT_NOTE = 64,
    NOTE = LOCK_BYTES - AT_NOTE,
    TRIES = 100, /* a note read while it is written does not check */
};

const char lock_name[] = "lock";

static const struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

bool
lock_take(int folder, const char *path, int *ret_fd, struct error *err)
{
    char text[AT_NOTE] = "";
    struct flock mine = whole;
    int fd = openat(folder, lock_name, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    if (fd < 0)
        return error_set(err, "%s/%s: %s", path, lock_name, strerror(errno));
    /* The folder too: else whoever removes the file lets a second hub in. */
    bool taken = flock(folder, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK;
    taken = taken && fcntl(fd, F_OFD_SETLK, &mine) == 0;
    int why = errno;
    ssize_t n = file_read_at(fd, text, sizeof text - 1, 0);
    text[n > 0 ? n : 0] = 0;
    if (!taken) {
        close(fd);
        if (why != EWOULDBLOCK && why != EACCES)
            return error_set(err, "%s: cannot be locked: %s", path, strerror(why));
        return error_set(err, "%s is used by another hub (%s)", path,
                         text[0] ? text : "its pid is not known");
    }
    /* After a crash of the machine it may be zeros from anywhere on. */
    if (!slice_starts(SLICE("pid "), slice_head(slice_of(text), 4))) {
        close(fd);
        return error_set(err, "%s/%s is no lock of a history: name a folder of its own", path,
                         lock_name);
    }
    memset(text, 0, sizeof text);
    snprintf(text, sizeof text, "pid %ld", (long)getpid());
    bool ok = ftruncate(fd, 0) == 0 && file_write_at(fd, SLICE_OF(text, sizeof text), 0);
    if (!ok) {
        error_set(err, "%s/%s: %s", path, lock_name, strerror(errno));
        close(fd);
        return false;
    }
    *ret_fd = fd;
    return true;
}

void
lock_write(int fd, const struct lock_note *n)
{
    char text[NOTE];
    le64_put(text, n->last.run);
    le64_put(text + 8, n->last.sequence);
    le64_put(text + 16, n->file.run);
    le64_put(text + 24, n->file.sequence);
    le64_put(text + 32, n->length);
    le32_put(text + 40, crc_add(~0u, SLICE_OF(text, 40)));
    if (!file_write_at(fd, SLICE_OF(text, sizeof text), AT_NOTE))
        return; /* who reads beside us sees a little less */
}

static bool
read_note(int fd, struct lock_note *ret)
{
    char text[NOTE];
    *ret = (struct lock_note){0};
    if (file_read_at(fd, text, sizeof text, AT_NOTE) != NOTE)
        return true; /* none yet */
    if (crc_add(~0u, SLICE_OF(text, 40)) != le32_get(text + 40))
        return false;
    *ret = (struct lock_note){{le64_get(text), le64_get(text + 8)},
                              {le64_get(text + 16), le64_get(text + 24)},
                              le64_get(text + 32)};
    return true;
}

bool
lock_is_held(int folder, struct lock_note *ret)
{
    *ret = (struct lock_note){0};
    struct flock asked = whole;
    int fd = openat(folder, lock_name, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool held = fcntl(fd, F_OFD_GETLK, &asked) == 0 && asked.l_type != F_UNLCK;
    for (int i = 0; held && i < TRIES && !read_note(fd, ret); i++)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    close(fd);
    return held;
}
