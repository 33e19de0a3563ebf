/* roll - begins the next segment, in a file that was filled with zeros before.
 *
 * What one gets wrong: its header says where the one before ends, and with that confirms what it
 * holds; so with an interval that one is synced first, and after a failure its length is what was
 * confirmed. The file has its own name only once its header is on the disk. */

#include "transport/log/store_parts.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "transport/log/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

const char store_prepared_name[] = "prepared", store_prepared_tmp[] = "prepared.tmp";

/* The file of the next segment, under a name of its own; its room is reserved. */
static int
next_file(struct store *st, uint64_t space, const char *name, struct error *err)
{
    pthread_mutex_lock(&st->lock);
    bool prepared = st->prepared && space == st->segment_bytes;
    if (prepared)
        st->prepared = false; /* its room is now the segment's */
    pthread_mutex_unlock(&st->lock);
    if (prepared) {
        if (renameat(st->folder, store_prepared_name, st->folder, name) == 0) {
            int fd = openat(st->folder, name, O_RDWR | O_CLOEXEC);
            if (fd >= 0)
                return fd;
        }
        unlinkat(st->folder, store_prepared_name, 0);
    } else if (!store_make_room(st, space)) {
        error_set(err, "%s: no room for %llu bytes within max_bytes", st->path,
                  (unsigned long long)space);
        return -1;
    }
    int fd = openat(st->folder, name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
    if (fd < 0) {
        error_set(err, "%s/%s: %s", st->path, name, strerror(errno));
        unlinkat(st->folder, name, 0); /* the prepared one may be there under this name */
        store_give_room(st, space);
    }
    return fd;
}

/* The disk's room for it, so that a commit does not find out; where that can be had. */
static bool
reserve(struct store *st, int fd, uint64_t space, const char *name, struct error *err)
{
    if (fallocate(fd, 0, 0, (off_t)space) == 0 || errno == EOPNOTSUPP || errno == ENOSYS)
        return true;
    error_set(err, "%s/%s: %s", st->path, name, strerror(errno));
    close(fd);
    unlinkat(st->folder, name, 0);
    store_give_room(st, space);
    return false;
}

/* May the open one go on until the file of a single large update is there? (It has no room for
 * others if it is of that kind itself.) */
static bool
can_go_on(struct store *st)
{
    pthread_mutex_lock(&st->lock);
    bool can = st->open && !st->open->must_leave && st->open->space <= st->segment_bytes;
    pthread_mutex_unlock(&st->lock);
    return can;
}

void
store_leave_open(struct store *st)
{
    pthread_mutex_lock(&st->lock);
    struct segment *s = st->open;
    int fd = st->fd;
    st->open = NULL;
    st->fd = -1;
    if (s)
        s->writing = false;
    st->new_segments = true;
    pthread_mutex_unlock(&st->lock);
    if (fd >= 0)
        close(fd);
}

static void
leave_for(struct store *st, const struct segment_header *next)
{
    store_leave_open(st);
    st->next_sequence = next->first.sequence;
}

/* Holds it nothing, and never did? */
static bool
is_empty(const struct segment *s)
{
    return s->count == 0 && !s->lost && !s->damaged;
}

/* What the next header says of its predecessor: the last one that is not empty. */
static void
describe_last(struct store *st, struct segment_header *h, char **ret_id)
{
    size_t len = 0;
    struct list *node;
    *ret_id = NULL;
    pthread_mutex_lock(&st->lock);
    for (node = st->segments.prev; node != &st->segments; node = node->prev)
        if (!is_empty(CONTAINER_OF(node, struct segment, node)))
            break;
    h->before = st->last;
    h->before_time_ms = st->last_time_ms;
    if (node != &st->segments) {
        struct segment *before = CONTAINER_OF(node, struct segment, node);
        h->before_file = before->header.first;
        h->before_length = before->length;
        if (before->count)
            *ret_id = store_last_id(st, before, &len);
    } else if (st->removed.id) {
        *ret_id = xstrndup(st->removed.id, len = st->removed.id_len);
    }
    pthread_mutex_unlock(&st->lock);
    h->has_before_id = *ret_id != NULL;
    h->before_id = SLICE_OF(*ret_id, len);
}

/* Writes that failed leave files that hold nothing: no header names them any more, so they go. */
static void
drop_empty(struct store *st)
{
    LIST_EACH(node, after, &st->segments)
    {
        struct segment *s = CONTAINER_OF(node, struct segment, node);
        if (!s->writing && is_empty(s))
            store_drop(st, s);
    }
}

uint64_t
store_space_for(const struct store *st, uint64_t record_bytes)
{
    uint64_t length = SEGMENT_HEADER + record_bytes;
    uint64_t need = length + segment_index_size(length / SEGMENT_BLOCK + 2, 1);
    return need > st->segment_bytes ? need : st->segment_bytes;
}

bool
store_roll(struct store *st, uint64_t record_bytes, struct error *err)
{
    char header[SEGMENT_HEADER], name[SEGMENT_NAME], beside[SEGMENT_NAME], *id;
    struct segment_header h = {
        .first = {st->run, st->next_sequence}, .created_ms = clock_wall_ms(), .key = st->key};
    if (getrandom(&h.salt, sizeof h.salt, 0) != (ssize_t)sizeof h.salt)
        return error_set(err, "no random bytes");
    /* With an interval, what the header will call committed has to be on the disk. */
    if (st->open && st->settings.sync_interval_ms && fdatasync(st->fd) != 0)
        log_line(LOG_ERROR, "history_sync_failed", "msg=%s", LOG_SLICE(slice_of(strerror(errno))));
    if (st->open && st->open->count == 0)
        h.first.sequence++; /* a name of its own */
    uint64_t space = store_space_for(st, record_bytes);
    bool is_large = space > st->segment_bytes, goes_on = is_large && can_go_on(st);
    segment_name(name, h.first, ".log");
    segment_name(beside, h.first, ".new");
    if (!goes_on)
        leave_for(st, &h);
    int fd = next_file(st, space, beside, err);
    if (fd < 0 || (is_large && !reserve(st, fd, space, beside, err)))
        return false;
    leave_for(st, &h); /* its header will say where the open one ends */
    describe_last(st, &h, &id);
    segment_header_write(header, &h);
    struct segment *s = store_segment_new(&h);
    free(id);
    bool ok = file_write_at(fd, SLICE_OF(header, sizeof header), 0) && fdatasync(fd) == 0 &&
              renameat(st->folder, beside, st->folder, name) == 0 && fsync(st->folder) == 0;
    if (!ok) {
        error_set(err, "%s/%s: %s", st->path, name, strerror(errno));
        close(fd);
        unlinkat(st->folder, beside, 0);
        unlinkat(st->folder, name, 0);
        store_segment_free(s);
        store_give_room(st, space);
        return false;
    }
    s->space = space;
    s->synced = SEGMENT_HEADER;
    s->writing = s->ready = true;
    s->first_boot_ms = s->last_boot_ms = (int64_t)clock_boot_ms();
    st->previous_crc = h.crc;
    pthread_mutex_lock(&st->lock);
    list_append(&st->segments, &s->node);
    st->open = s;
    st->fd = fd;
    st->new_segments = true;
    drop_empty(st);
    pthread_mutex_unlock(&st->lock);
    return true;
}
