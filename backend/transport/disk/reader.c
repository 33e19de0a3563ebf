/* reader - what stands behind a position.
 *
 * A read answers one block: the records that begin in one stretch of BLOCK_BYTES, whole, so that
 * streams which come back together share it. */

#include "transport/disk/reader.h"

#include "base/alloc.h"
#include "transport/disk/damage.h"
#include "transport/disk/disk_record.h"
#include "transport/disk/file.h"
#include "transport/disk/indexing.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    TRIES = 16, /* while files move, or are well only at the second look */
};

/* One block of one segment, as of the moment it was chosen. */
struct stretch {
    struct segment *segment; /* used */
    uint32_t number;         /* of the block */
    struct block begin;
    uint32_t end;                 /* offset behind it */
    struct position before, last; /* what stands before it, and its last record */
};

static struct batch *
find_cached(struct reader *r, const struct stretch *x)
{
    for (size_t i = 0; i < READER_PIECES; i++) {
        struct reader_piece *c = &r->cache[i];
        if (c->piece && c->block == x->number && c->end == x->end &&
            position_cmp(c->first, x->segment->header.first) == 0) {
            c->used = ++r->clock;
            return batch_ref(c->piece);
        }
    }
    return NULL;
}

static void
forget(struct reader *r, struct reader_piece *c)
{
    r->cached_bytes -= c->piece->bytes;
    batch_unref(&c->piece);
}

static void
cache(struct reader *r, const struct stretch *x, struct batch *piece)
{
    struct reader_piece *place = NULL;
    for (;;) {
        struct reader_piece *stale = NULL;
        place = NULL;
        for (size_t i = 0; i < READER_PIECES; i++) {
            struct reader_piece *c = &r->cache[i];
            if (c->piece == NULL)
                place = c;
            else if (stale == NULL || c->used < stale->used)
                stale = c;
        }
        if (place && (stale == NULL || r->cached_bytes + piece->bytes <= r->cache_bytes))
            break;
        forget(r, stale);
    }
    *place = (struct reader_piece){.first = x->segment->header.first,
                                   .block = x->number,
                                   .end = x->end,
                                   .used = ++r->clock,
                                   .piece = batch_ref(piece)};
    r->cached_bytes += piece->bytes;
}

/* Counts the records of a block that are shown. False: one does not check. */
static bool
count_records(const struct stretch *x, struct slice bytes, uint32_t *ret)
{
    uint32_t previous = 0;
    uint64_t sequence = x->segment->header.first.sequence + x->begin.index - 1;
    struct disk_record r;
    *ret = 0;
    for (bool first = true; bytes.len; bytes = slice_from(bytes, r.length), first = false) {
        if (disk_record_read(bytes, x->segment->header.salt, &r) != DISK_RECORD_OK ||
            r.sequence <= sequence || (!first && r.previous != previous))
            return false;
        previous = r.crc;
        sequence = r.sequence;
        *ret += !disk_record_is_hidden(r.kind);
    }
    return sequence == x->last.sequence;
}

static struct batch *
decode(const struct stretch *x, struct slice bytes, uint32_t count)
{
    struct batch *b = batch_new(count);
    struct disk_record r;
    uint32_t done = 0;
    b->after = x->before;
    b->upto = x->last;
    for (; done < count; bytes = slice_from(bytes, r.length)) {
        if (disk_record_read(bytes, x->segment->header.salt, &r) != DISK_RECORD_OK)
            break;
        if (disk_record_is_hidden(r.kind))
            continue;
        struct update *u = disk_record_update(&r, x->segment->header.first.run);
        if (u == NULL)
            break;
        b->bytes += u->size;
        b->updates[done++] = u;
    }
    b->count = done;
    if (done < count)
        batch_unref(&b); /* no memory */
    return b;
}

enum reading_state {
    READING_OK,
    READING_FAILED, /* it could not be read, or does not check: the file is to be judged */
    READING_NO_MEMORY,
};

static enum reading_state
read_stretch(struct segments *h, const struct stretch *x, struct batch **ret)
{
    size_t len = x->end - x->begin.offset;
    int fd = segment_open_file(x->segment, &h->folder, ".log", O_RDONLY);
    if (fd < 0)
        return READING_FAILED;
    char *bytes = try_alloc(len);
    enum reading_state state = READING_NO_MEMORY;
    if (bytes) {
        uint32_t count;
        if (file_read_at(fd, bytes, len, x->begin.offset) != (ssize_t)len ||
            !count_records(x, SLICE_OF(bytes, len), &count))
            state = READING_FAILED;
        else if ((*ret = decode(x, SLICE_OF(bytes, len), count)) != NULL)
            state = READING_OK;
    }
    free(bytes);
    close(fd);
    return state;
}

/* Of the last sequence that this index counts. */
static struct position
position_at(const struct segment *s, uint32_t index)
{
    return (struct position){s->header.first.run, s->header.first.sequence + index - 1};
}

/* The block that holds what comes behind `after`. The lock is held; the segment is ready. */
static struct stretch
choose_block(struct segment *s, struct position after)
{
    uint32_t index = s->valid.index, low = 0, high = s->block_count;
    if (after.run == s->header.first.run && after.sequence >= s->header.first.sequence + index)
        index = (uint32_t)(after.sequence - s->header.first.sequence + 1);
    while (high - low > 1) {
        uint32_t mid = low + (high - low) / 2;
        if (s->blocks[mid].index <= index)
            low = mid;
        else
            high = mid;
    }
    struct stretch x = {.segment = s, .number = low, .begin = s->blocks[low]};
    struct block end = {s->span, (uint32_t)s->length};
    if (low + 1 < s->block_count)
        end = s->blocks[low + 1];
    x.end = end.offset;
    if (x.begin.offset < s->valid.offset)
        x.begin = s->valid;
    x.before = x.begin.index ? position_at(s, x.begin.index) : s->header.before;
    x.last = position_at(s, end.index);
    return x;
}

static struct segment *
segment_behind(struct segments *h, struct position after)
{
    LIST_EACH(node, next, &h->held)
    {
        struct segment *s = segments_at(node);
        if (!s->lost && s->count && position_cmp(segment_last(s), after) > 0)
            return s;
    }
    return NULL;
}

/* False: it cannot be read now. No piece: look again, for the segment is lost, or well after all.
 */
static bool
read_now(struct reader *r, const struct stretch *x, struct batch **ret)
{
    struct segments *h = r->segments;
    enum reading_state state = read_stretch(h, x, ret);
    if (state == READING_FAILED)
        return damage_judge(h, x->segment, "a record that does not check") != DAMAGE_NOT_NOW;
    if (state == READING_NO_MEMORY)
        return false;
    cache(r, x, *ret);
    pthread_mutex_lock(&h->lock);
    x->segment->patience_ends_ms = 0;
    pthread_mutex_unlock(&h->lock);
    return true;
}

/* One try. False: something moved meanwhile, look again. The lock is held, and given up between. */
static bool
try_read(struct reader *r, struct position after, bool *ret_gone, struct batch **ret)
{
    struct segments *h = r->segments;
    struct segment *s = NULL;
    *ret_gone = position_cmp(after, h->removed.position) < 0;
    if (*ret_gone || (s = segment_behind(h, after)) == NULL)
        return true;
    segment_use(s);
    if (!s->ready) {
        pthread_mutex_unlock(&h->lock);
        bool ready = indexing_make_ready(h, s);
        pthread_mutex_lock(&h->lock);
        /* Damaged: `removed` has moved, or the file went. Else it cannot be had now. */
        *ret_gone = !ready && !s->lost && !s->dropped;
        segment_leave(s);
        return *ret_gone;
    }
    struct stretch x = choose_block(s, after);
    pthread_mutex_unlock(&h->lock);
    bool not_now = (*ret = find_cached(r, &x)) == NULL && !read_now(r, &x, ret);
    pthread_mutex_lock(&h->lock);
    segment_leave(s);
    /* Retention may have come by; and a piece must begin where the stream stands, or behind hidden
     * records that went. */
    *ret_gone = not_now || position_cmp(after, h->removed.position) < 0 ||
                (*ret && position_cmp((*ret)->after, after) > 0 &&
                 position_cmp((*ret)->after, h->dropped) > 0);
    if (*ret_gone)
        batch_unref(ret);
    return *ret_gone || *ret;
}

/* The same for who stands further back, with nothing between that is shown. */
static struct batch *
from_further_back(struct batch *piece, struct position after)
{
    if (position_cmp(piece->after, after) <= 0)
        return piece;
    struct batch *b = batch_new(piece->count);
    b->after = after;
    b->upto = piece->upto;
    b->bytes = piece->bytes;
    for (uint32_t i = 0; i < b->count; i++)
        b->updates[i] = update_ref(piece->updates[i]);
    batch_unref(&piece);
    return b;
}

void
reader_fini(struct reader *r)
{
    for (size_t i = 0; i < READER_PIECES; i++)
        batch_unref(&r->cache[i].piece);
}

void
reader_read(struct reader *r, bool from_removed, struct position *after, bool *ret_gone,
            struct batch **ret_piece)
{
    struct segments *h = r->segments;
    *ret_piece = NULL;
    pthread_mutex_lock(&h->lock);
    if (from_removed)
        *after = h->removed.position;
    struct position at = *after;
    bool done = false;
    for (int tries = 0; tries < TRIES && !done; tries++) {
        done = try_read(r, at, ret_gone, ret_piece);
        if (*ret_piece == NULL || (*ret_piece)->count)
            continue;
        at = (*ret_piece)->upto; /* what stands there is shown to nobody */
        batch_unref(ret_piece);
        done = false;
        tries = 0;
    }
    *ret_gone |= !done;
    pthread_mutex_unlock(&h->lock);
    if (*ret_piece)
        *ret_piece = from_further_back(*ret_piece, *after);
}
