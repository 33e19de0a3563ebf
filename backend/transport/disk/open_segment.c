/* open_segment - begins the next segment, in a file that was filled with zeros before.
 *
 * What one gets wrong: its header says where the one before ends, and with that confirms what it
 * holds; so with an interval that one is synced first, and after a failure its length is what was
 * confirmed. The file has its own name only once its header is on the disk. */

#include "transport/disk/open_segment.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "transport/disk/file.h"
#include "transport/disk/prepared_file.h"
#include "transport/disk/retention.h"
#include "transport/disk/segment_name.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

/* The file of the next segment, under a name of its own; its room is reserved. */
static int
next_file(struct segments *h, uint64_t space, const char *name, struct error *err)
{
    int fd = -1;
    bool was_prepared = space == h->file_bytes && prepared_file_take(h, name, &fd);
    if (fd >= 0)
        return fd;
    if (!was_prepared && !retention_make_room(h, space)) {
        error_set(err, "%s: no room for %llu bytes within max_bytes", h->folder.path,
                  (unsigned long long)space);
        return -1;
    }
    fd = openat(h->folder.fd, name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
    if (fd < 0) {
        error_set(err, "%s/%s: %s", h->folder.path, name, strerror(errno));
        unlinkat(h->folder.fd, name, 0); /* the prepared one may be there under this name */
        retention_give_room(h, space);
    }
    return fd;
}

/* The disk's room for it, so that a commit does not find out; where that can be had. */
static bool
reserve(struct segments *h, int fd, uint64_t space, const char *name, struct error *err)
{
    if (fallocate(fd, 0, 0, (off_t)space) == 0 || errno == EOPNOTSUPP || errno == ENOSYS)
        return true;
    error_set(err, "%s/%s: %s", h->folder.path, name, strerror(errno));
    close(fd);
    unlinkat(h->folder.fd, name, 0);
    retention_give_room(h, space);
    return false;
}

/* May the open one go on until the file of a single large update is there? (It has no room for
 * others if it is of that kind itself.) */
static bool
can_go_on(struct segments *h)
{
    pthread_mutex_lock(&h->lock);
    bool can = h->open && !h->open->must_leave && h->open->space <= h->file_bytes;
    pthread_mutex_unlock(&h->lock);
    return can;
}

void
open_segment_leave(struct segments *h)
{
    pthread_mutex_lock(&h->lock);
    struct segment *s = h->open;
    int fd = h->fd;
    h->open = NULL;
    h->fd = -1;
    if (s)
        s->writing = false;
    pthread_mutex_unlock(&h->lock);
    if (fd >= 0)
        close(fd);
}

static void
leave_for(struct open_segment *o, const struct segment_header *next)
{
    open_segment_leave(o->segments);
    o->next_sequence = next->first.sequence;
}

/* What the next header says of its predecessor: the last one that is not empty. */
static void
describe_last(const struct open_segment *o, struct segment_header *next, char **ret_id)
{
    struct segments *h = o->segments;
    size_t len = 0;
    struct list *node;
    *ret_id = NULL;
    pthread_mutex_lock(&h->lock);
    for (node = h->held.prev; node != &h->held; node = node->prev)
        if (!segment_is_empty(segments_at(node)))
            break;
    next->before = o->last;
    next->before_time_ms = o->last_time_ms;
    if (node != &h->held) {
        struct segment *before = segments_at(node);
        next->before_file = before->header.first;
        next->before_length = before->length;
        next->before_count = before->count;
        (void)segment_last_shown(before, &next->before_shown);
        if (before->count)
            *ret_id = retention_last_id(h, before, &len);
    } else {
        next->before_shown = h->removed.position;
        if (h->removed.id)
            *ret_id = xstrndup(h->removed.id, len = h->removed.id_len);
    }
    pthread_mutex_unlock(&h->lock);
    next->has_before_id = *ret_id != NULL;
    next->before_id = SLICE_OF(*ret_id, len);
}

/* Writes that failed leave files that hold nothing: no header names them any more, so they go. */
static void
drop_empty(struct segments *h)
{
    LIST_EACH(node, after, &h->held)
    {
        struct segment *s = segments_at(node);
        if (!s->writing && segment_is_empty(s))
            segments_drop(h, s);
    }
}

uint64_t
open_segment_space_for(const struct segments *h, uint64_t record_bytes)
{
    uint64_t length = SEGMENT_HEADER + record_bytes;
    uint64_t need = length + segment_index_size(length / BLOCK_BYTES + 2, 1);
    return need > h->file_bytes ? need : h->file_bytes;
}

/* Gives the file its name, once its header is on the disk. */
static bool
name_file(const struct segments *h, int fd, struct segment_header *header, const char *beside,
          const char *name, struct error *err)
{
    char bytes[SEGMENT_HEADER];
    int folder = h->folder.fd;
    segment_header_write(bytes, header);
    if (file_write_at(fd, SLICE_OF(bytes, sizeof bytes), 0) && fdatasync(fd) == 0 &&
        renameat(folder, beside, folder, name) == 0 && fsync(folder) == 0)
        return true;
    error_set(err, "%s/%s: %s", h->folder.path, name, strerror(errno));
    close(fd);
    unlinkat(folder, beside, 0);
    unlinkat(folder, name, 0);
    return false;
}

static void
enter(struct open_segment *o, const struct segment_header *header, int fd, uint64_t space)
{
    struct segments *h = o->segments;
    struct segment *s = segment_new(header);
    s->space = space;
    s->synced = SEGMENT_HEADER;
    s->writing = s->ready = true;
    s->first_boot_ms = s->last_boot_ms = (int64_t)clock_boot_ms();
    o->previous_crc = header->crc;
    pthread_mutex_lock(&h->lock);
    list_append(&h->held, &s->node);
    h->open = s;
    h->fd = fd;
    drop_empty(h);
    pthread_mutex_unlock(&h->lock);
}

bool
open_segment_begin(struct open_segment *o, uint64_t record_bytes, struct error *err)
{
    struct segments *h = o->segments;
    char name[SEGMENT_NAME], beside[SEGMENT_NAME], *id;
    struct segment_header next = {
        .first = {h->run, o->next_sequence}, .created_ms = clock_wall_ms(), .key = h->key};
    if (getrandom(&next.salt, sizeof next.salt, 0) != (ssize_t)sizeof next.salt)
        return error_set(err, "no random bytes");
    /* With an interval, what the header will call committed has to be on the disk. */
    if (h->open && h->sync_interval_ms && fdatasync(h->fd) != 0)
        log_line(LOG_ERROR, "history_sync_failed", "msg=%s", LOG_SLICE(slice_of(strerror(errno))));
    if (h->open && next.first.sequence <= h->open->header.first.sequence) /* a name of its own */
        next.first.sequence = h->open->header.first.sequence + 1;
    uint64_t space = open_segment_space_for(h, record_bytes);
    bool is_large = space > h->file_bytes, goes_on = is_large && can_go_on(h);
    segment_name(name, next.first, ".log");
    segment_name(beside, next.first, ".new");
    if (!goes_on)
        leave_for(o, &next);
    int fd = next_file(h, space, beside, err);
    if (fd < 0 || (is_large && !reserve(h, fd, space, beside, err)))
        return false;
    leave_for(o, &next); /* its header will say where the open one ends */
    describe_last(o, &next, &id);
    bool ok = name_file(h, fd, &next, beside, name, err);
    if (ok)
        enter(o, &next, fd, space);
    else
        retention_give_room(h, space);
    free(id);
    return ok;
}
