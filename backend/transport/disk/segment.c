/* segment - what is known of one file of the history, while it is held.
 *
 * What one gets wrong: it may be removed while somebody is at its file. So whoever leaves the lock
 * with it uses it, and the last one that leaves it frees it. */

#include "transport/disk/segment.h"

#include "base/alloc.h"
#include "transport/disk/file.h"
#include "transport/disk/segment_name.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct segment *
segment_new(const struct segment_header *h)
{
    struct segment *s = xalloc(sizeof *s);
    s->header = *h;
    if (h->has_before_id)
        s->before_id = xstrndup(h->before_id.ptr ? h->before_id.ptr : "", h->before_id.len);
    s->header.before_id = SLICE_OF(s->before_id, h->has_before_id ? h->before_id.len : 0);
    s->length = SEGMENT_HEADER;
    s->valid.offset = SEGMENT_HEADER;
    s->last_time_ms = h->before_time_ms;
    list_init(&s->node);
    return s;
}

void
segment_free(struct segment *s)
{
    free(s->before_id);
    free(s->last_id);
    free(s->blocks);
    id_table_free(&s->table);
    id_filter_free(&s->filter);
    free(s);
}

void
segment_use(struct segment *s)
{
    s->users++;
}

void
segment_leave(struct segment *s)
{
    if (--s->users == 0 && s->dropped)
        segment_free(s);
}

struct position
segment_last(const struct segment *s)
{
    if (s->count == 0)
        return s->header.before;
    return (struct position){s->header.first.run, s->header.first.sequence + s->span - 1};
}

bool
segment_last_shown(const struct segment *s, struct position *ret)
{
    *ret = s->header.before_shown;
    if (s->shown_span == 0)
        return false;
    *ret = (struct position){s->header.first.run, s->header.first.sequence + s->shown_span - 1};
    return true;
}

struct position
segment_before_valid(const struct segment *s)
{
    return (struct position){s->header.first.run, s->header.first.sequence + s->valid.index - 1};
}

bool
segment_is_empty(const struct segment *s)
{
    return s->count == 0 && !s->lost && !s->damaged;
}

static void
add_block(struct segment *s, struct block b)
{
    if (s->block_count &&
        s->blocks[s->block_count - 1].offset / BLOCK_BYTES == b.offset / BLOCK_BYTES)
        return;
    if (s->block_count == s->block_cap) {
        s->block_cap = s->block_cap ? s->block_cap * 2 : 16;
        s->blocks = xrealloc(s->blocks, s->block_cap * sizeof *s->blocks);
    }
    s->blocks[s->block_count++] = b;
}

void
segment_add_record(struct segment *s, struct block here, const uint64_t *id_hash)
{
    add_block(s, here);
    if (id_hash == NULL)
        return;
    id_table_add(&s->table, *id_hash, here.offset);
    s->last_offset = here.offset;
}

int
segment_open_file(const struct segment *s, const struct folder *d, const char *suffix, int flags)
{
    char name[SEGMENT_NAME];
    segment_name(name, s->header.first, suffix);
    return openat(d->fd, name, flags | O_CLOEXEC);
}

bool
segment_cut(const struct segment *s, const struct folder *d, uint64_t length)
{
    int fd = segment_open_file(s, d, ".log", O_WRONLY);
    bool ok = fd >= 0 && ftruncate(fd, (off_t)length) == 0;
    if (fd >= 0)
        close(fd);
    return ok;
}

bool
segment_read_file(const struct segment *s, const struct folder *d, const char *suffix, uint64_t max,
                  char **ret, size_t *ret_len)
{
    char name[SEGMENT_NAME];
    segment_name(name, s->header.first, suffix);
    return file_read_whole(d->fd, name, max, ret, ret_len);
}

uint64_t
segment_file_size(const struct segment *s, const struct folder *d, const char *suffix)
{
    char name[SEGMENT_NAME];
    struct stat of;
    segment_name(name, s->header.first, suffix);
    return fstatat(d->fd, name, &of, 0) == 0 ? (uint64_t)of.st_size : 0;
}
