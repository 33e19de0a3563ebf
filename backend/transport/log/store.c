/* store - the folder: its segments as the process knows them, opened and closed.
 *
 * Its other files: folder.c (whose it is), recover.c (what is found at start), commit.c (the
 * writer), roll.c (the next segment), room.c (what is removed), keeper.c (the chores), replay.c
 * (the reader), judge.c (what does not come, or does not check).
 *
 * Lock order: load_lock, lock. `lock` is never held over a sync. */

#include "transport/log/store_parts.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    MIN_SEGMENT = 64 * 1024,
    MAX_SEGMENT = 16 * 1024 * 1024,
    USUAL_RECORD = 4096, /* or less: larger ones fill a segment before their number does */
};

struct segment *
store_segment_new(const struct segment_header *h)
{
    struct segment *s = xalloc(sizeof *s);
    s->header = *h;
    if (h->has_before_id) {
        s->before_id = xstrndup(h->before_id.ptr ? h->before_id.ptr : "", h->before_id.len);
        s->before_id_len = h->before_id.len;
    }
    s->header.before_id = SLICE_OF(s->before_id, s->before_id_len);
    s->length = SEGMENT_HEADER;
    s->valid.offset = SEGMENT_HEADER;
    s->last_time_ms = h->before_time_ms;
    list_init(&s->node);
    return s;
}

void
store_segment_free(struct segment *s)
{
    free(s->before_id);
    free(s->blocks);
    id_table_free(&s->table);
    id_filter_free(&s->filter);
    free(s);
}

struct position
store_segment_last(const struct segment *s)
{
    if (s->count == 0)
        return s->header.before;
    return (struct position){s->header.first.run, s->header.first.sequence + s->count - 1};
}

void
store_use(struct segment *s)
{
    s->users++;
}

void
store_leave(struct segment *s)
{
    if (--s->users == 0 && s->dropped)
        store_segment_free(s);
}

void
store_add_block(struct segment *s, struct block b)
{
    if (s->block_count &&
        s->blocks[s->block_count - 1].offset / SEGMENT_BLOCK == b.offset / SEGMENT_BLOCK)
        return;
    if (s->block_count == s->block_cap) {
        s->block_cap = s->block_cap ? s->block_cap * 2 : 16;
        s->blocks = xrealloc(s->blocks, s->block_cap * sizeof *s->blocks);
    }
    s->blocks[s->block_count++] = b;
}

void
store_stat(struct store *st, struct transport_stat *ret)
{
    pthread_mutex_lock(&st->lock);
    *ret = (struct transport_stat){.events = st->events, .bytes = st->used};
    LIST_EACH(node, after, &st->segments)
    {
        const struct segment *s = CONTAINER_OF(node, struct segment, node);
        if (s->lost || s->count == 0)
            continue;
        ret->oldest_ms = s->header.created_ms;
        if (s->first_boot_ms) /* of this run: exact */
            ret->oldest_ms =
                clock_wall_ms() - (uint64_t)((int64_t)clock_boot_ms() - s->first_boot_ms);
        break;
    }
    pthread_mutex_unlock(&st->lock);
}

static void
settle_sizes(struct store *st)
{
    uint64_t bytes = st->settings.max_bytes / 16, events = st->settings.max_events / 16;
    /* A file is filled with zeros whole: where few updates seal it, it is to be small. */
    if (bytes / USUAL_RECORD > events)
        bytes = events * USUAL_RECORD;
    st->segment_bytes = bytes > MAX_SEGMENT   ? MAX_SEGMENT
                        : bytes < MIN_SEGMENT ? MIN_SEGMENT
                                              : bytes;
    st->segment_bytes &= ~(uint64_t)4095;
    st->segment_events = events ? events : 1;
}

struct store *
store_open(const struct store_settings *settings, struct error *err)
{
    struct store *st = xalloc(sizeof *st);
    st->settings = *settings;
    st->path = xstrndup(settings->path, strlen(settings->path));
    st->folder = st->lock_file = st->fd = -1;
    st->next_sequence = 1;
    list_init(&st->segments);
    pthread_mutex_init(&st->lock, NULL);
    pthread_mutex_init(&st->load_lock, NULL);
    settle_sizes(st);
    if (!store_recover(st, err))
        store_close(&st);
    return st;
}

void
store_close(struct store **ref)
{
    struct store *st = *ref;
    *ref = NULL;
    if (st == NULL)
        return;
    struct list *node;
    for (size_t i = 0; i < COUNT_OF(st->cache); i++)
        batch_unref(&st->cache[i].piece);
    if (st->fd >= 0 && st->settings.sync_interval_ms && fdatasync(st->fd) != 0)
        log_line(LOG_ERROR, "history_sync_failed", "error=%s",
                 LOG_SLICE(slice_of(strerror(errno))));
    while ((node = list_shift(&st->segments)) != NULL)
        store_segment_free(CONTAINER_OF(node, struct segment, node));
    if (st->fd >= 0)
        close(st->fd);
    if (st->lock_file >= 0)
        close(st->lock_file);
    if (st->folder >= 0)
        close(st->folder);
    id_table_free(&st->batch_ids);
    free(st->removed.id);
    free(st->buffer);
    free(st->path);
    pthread_mutex_destroy(&st->lock);
    pthread_mutex_destroy(&st->load_lock);
    free(st);
}
