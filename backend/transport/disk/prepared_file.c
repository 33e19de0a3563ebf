/* prepared_file - zeros on the disk, so that a commit changes no file's size. Where there is none,
 * the next segment begins without. */

#include "transport/disk/prepared_file.h"

#include "transport/disk/file.h"
#include "transport/disk/retention.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void
prepared_file_look(struct segments *h)
{
    static const char zeros[SEGMENT_HEADER];
    int folder = h->folder.fd;
    struct stat of;
    char *bytes;
    size_t len;
    if (fstatat(folder, folder_prepared, &of, AT_SYMLINK_NOFOLLOW) == 0 &&
        (uint64_t)of.st_size == h->file_bytes &&
        file_read_whole(folder, folder_prepared, SEGMENT_HEADER, &bytes, &len)) {
        h->prepared = len == SEGMENT_HEADER && memcmp(bytes, zeros, len) == 0;
        free(bytes);
    }
    if (h->prepared)
        h->used += h->file_bytes;
    else
        unlinkat(folder, folder_prepared, 0);
}

void
prepared_file_make(struct segments *h)
{
    pthread_mutex_lock(&h->lock);
    bool needed = !h->prepared;
    pthread_mutex_unlock(&h->lock);
    if (!needed || !retention_make_room(h, h->file_bytes))
        return;
    bool ok = file_make_zeros(h->folder.fd, folder_prepared, h->file_bytes);
    pthread_mutex_lock(&h->lock);
    h->prepared = ok;
    if (!ok)
        h->used -= h->file_bytes;
    pthread_mutex_unlock(&h->lock);
}

bool
prepared_file_take(struct segments *h, const char *name, int *ret_fd)
{
    int folder = h->folder.fd;
    pthread_mutex_lock(&h->lock);
    bool is_there = h->prepared;
    h->prepared = false;
    pthread_mutex_unlock(&h->lock);
    *ret_fd = -1;
    if (!is_there)
        return false;
    if (renameat(folder, folder_prepared, folder, name) == 0)
        *ret_fd = openat(folder, name, O_RDWR | O_CLOEXEC);
    if (*ret_fd < 0)
        unlinkat(folder, folder_prepared, 0);
    return true;
}
