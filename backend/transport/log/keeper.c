/* keeper - the chores, one at a time: indexes are loaded and made, sealed segments cut, the next
 * file prepared, the old removed, the open segment synced where commits are not.
 *
 * What one gets wrong: a segment may be removed while its index is being written. */

#include "transport/log/store_parts.h"

#include "base/clock.h"
#include "base/log.h"
#include "transport/log/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    CHORE_MS = 1000, /* retention by age and the like */
};

static struct segment *
first_to_seal(struct store *st)
{
    LIST_EACH(node, after, &st->segments)
    {
        struct segment *s = CONTAINER_OF(node, struct segment, node);
        if (!s->writing && !s->indexed && !s->lost && s->ready)
            return s;
    }
    return NULL;
}

/* Cuts a sealed segment to its length and puts its index beside it; then its table goes. */
static bool
seal(struct store *st, struct segment *s)
{
    char name[SEGMENT_NAME];
    pthread_mutex_lock(&st->lock);
    struct segment_index x = {.first = s->header.first,
                              .salt = s->header.salt,
                              .count = s->count,
                              .last_offset = s->last_offset,
                              .block_count = s->block_count,
                              .entry_count = s->table.count,
                              .length = s->length,
                              .last_time_ms = s->last_time_ms,
                              .blocks = s->blocks};
    pthread_mutex_unlock(&st->lock);
    /* Neither changes any more: it is not written, and only this thread seals. */
    segment_name(name, x.first, ".log");
    int fd = openat(st->folder, name, O_WRONLY | O_CLOEXEC);
    bool cut = fd >= 0 && ftruncate(fd, (off_t)x.length) == 0;
    if (fd >= 0)
        close(fd);
    struct id_entry *entries = id_table_sorted(&s->table);
    struct id_filter filter = {0};
    char *bytes = entries || x.entry_count == 0 ? segment_index_make(&x, entries) : NULL;
    size_t size = segment_index_size(x.block_count, x.entry_count);
    segment_name(name, x.first, ".idx");
    bool ok = cut && bytes && id_filter_init(&filter, x.entry_count) &&
              file_replace(st->folder, name, SLICE_OF(bytes, size));
    for (uint32_t i = 0; ok && i < x.entry_count; i++)
        id_filter_add(&filter, entries[i].hash);
    pthread_mutex_lock(&st->lock);
    uint64_t space = x.length + (ok ? size : 0);
    if (cut && !s->dropped && space < s->space) {
        st->used -= s->space - space;
        s->space = space;
    }
    if (ok) {
        s->filter = filter;
        s->entry_count = x.entry_count;
        s->entries_at = SEGMENT_INDEX_HEAD + (uint64_t)x.block_count * SEGMENT_BLOCK_BYTES;
        s->indexed = true;
        id_table_free(&s->table);
        if (s->dropped) /* removed meanwhile: what was just written goes too */
            unlinkat(st->folder, name, 0);
    }
    pthread_mutex_unlock(&st->lock);
    if (!ok)
        id_filter_free(&filter);
    free(entries);
    free(bytes);
    return ok;
}

/* Where it cannot be, the next segment begins without. */
void
store_prepare(struct store *st)
{
    pthread_mutex_lock(&st->lock);
    bool needed = !st->prepared;
    pthread_mutex_unlock(&st->lock);
    if (!needed || !store_make_room(st, st->segment_bytes))
        return;
    bool ok = file_make_zeros(st->folder, store_prepared_name, st->segment_bytes);
    pthread_mutex_lock(&st->lock);
    st->prepared = ok;
    if (!ok)
        st->used -= st->segment_bytes;
    pthread_mutex_unlock(&st->lock);
}

static void
sync_open(struct store *st)
{
    pthread_mutex_lock(&st->lock);
    struct segment *s = st->open;
    int fd = s && s->synced < s->length && !s->must_leave ? dup(st->fd) : -1;
    uint64_t length = s ? s->length : 0;
    if (fd >= 0)
        store_use(s);
    pthread_mutex_unlock(&st->lock);
    if (fd < 0)
        return;
    bool ok = fdatasync(fd) == 0;
    if (!ok)
        log_line(LOG_ERROR, "history_sync_failed",
                 "error=%s msg=\"what this second held may be lost if the machine stops\"",
                 LOG_SLICE(slice_of(strerror(errno))));
    close(fd);
    pthread_mutex_lock(&st->lock);
    if (ok && s->synced < length)
        s->synced = length;
    s->must_leave |= !ok;
    store_leave(s);
    pthread_mutex_unlock(&st->lock);
}

/* Somebody emptied the folder: what is written into a file without a name is lost. */
static void
look_at_open(struct store *st)
{
    struct stat of;
    pthread_mutex_lock(&st->lock);
    struct segment *s = st->open;
    bool is_gone = s && !s->must_leave && fstat(st->fd, &of) == 0 && of.st_nlink == 0;
    if (is_gone)
        store_use(s);
    pthread_mutex_unlock(&st->lock);
    if (!is_gone)
        return;
    enum judgement judgement = store_judge(st, s, "removed by somebody else");
    pthread_mutex_lock(&st->lock);
    s->must_leave |= judgement != JUDGED_NOT_NOW; /* else it is looked at again */
    store_leave(s);
    pthread_mutex_unlock(&st->lock);
}

/* One that is neither ready nor lost: its index is to be read or rebuilt. */
static struct segment *
first_to_load(struct store *st)
{
    LIST_EACH(node, after, &st->segments)
    {
        struct segment *s = CONTAINER_OF(node, struct segment, node);
        if (!s->ready && !s->lost)
            return s;
    }
    return NULL;
}

uint64_t
store_chore(struct store *st)
{
    uint64_t again = CHORE_MS;
    if (st->settings.sync_interval_ms) {
        sync_open(st);
        if (st->settings.sync_interval_ms < again)
            again = st->settings.sync_interval_ms;
    }
    look_at_open(st);
    store_remove_old(st);
    store_prepare(st);
    pthread_mutex_lock(&st->lock);
    st->new_segments = false;
    struct segment *load = first_to_load(st), *s = load ? load : first_to_seal(st);
    if (s)
        store_use(s);
    pthread_mutex_unlock(&st->lock);
    if (s == NULL)
        return again;
    bool done = load ? store_make_ready(st, s) : seal(st, s);
    pthread_mutex_lock(&st->lock);
    store_leave(s);
    pthread_mutex_unlock(&st->lock);
    return done ? 0 : again;
}
