/* replay - reads and look-ups in what is committed.
 *
 * A read answers one block: the records that begin in one stretch of SEGMENT_BLOCK bytes, whole, so
 * that streams which come back together share it. A look-up asks the segments from the oldest on:
 * the table or the filter in memory, then a place in the sorted index (the hash is uniform, so its
 * place is guessed and one read mostly suffices), then the record itself. */

#include "base/alloc.h"
#include "base/le.h"
#include "base/log.h"
#include "transport/log/file.h"
#include "transport/log/store_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    WINDOW_ENTRIES = 512, /* of an index, read at once */
};

static int
open_file(const struct store *st, const struct segment *s, const char *suffix)
{
    char name[SEGMENT_NAME];
    segment_name(name, s->header.first, suffix);
    return openat(st->folder, name, O_RDONLY | O_CLOEXEC);
}

/* Is the file missing because of us (retention), or for now only? */
static bool
is_passing(int error)
{
    return error == EMFILE || error == ENFILE || error == ENOMEM;
}

/* --- damage -------------------------------------------------------------------------------------
 */

void
store_lose(struct store *st, struct list *node)
{
    for (; node != &st->segments; node = node->prev) {
        struct segment *s = CONTAINER_OF(node, struct segment, node);
        if (!s->lost)
            st->events -= s->count;
        s->lost = true;
    }
}

void
store_note_damage(struct store *st, struct segment *s, const char *what)
{
    char name[SEGMENT_NAME], *bytes = NULL;
    size_t len = 0;
    struct segment_scan scan = {0};
    segment_name(name, s->header.first, ".log");
    pthread_mutex_lock(&st->lock);
    uint64_t length = s->length;
    struct block behind = {s->count, (uint32_t)s->length}; /* of all that was there to be read */
    bool gone = s->dropped || s->lost;
    pthread_mutex_unlock(&st->lock);
    if (gone)
        return;
    if (file_read_whole(st->folder, name, length, &bytes, &len))
        segment_scan(SLICE_OF(bytes, len), &s->header, length, NULL, NULL, &scan);
    free(bytes);
    pthread_mutex_lock(&st->lock);
    if (!s->dropped && !s->lost) {
        /* The one being written goes on behind the damage. */
        bool found = scan.damaged && scan.valid.index < scan.count;
        bool any = found || s->writing || s->count > behind.index;
        if (any) {
            s->damaged = true;
            s->valid = found ? scan.valid : behind;
            store_move_removed(st,
                               (struct position){s->header.first.run,
                                                 s->header.first.sequence + s->valid.index - 1},
                               SLICE_OF(NULL, 0));
        } else {
            store_move_removed(st, store_segment_last(s), SLICE_OF(NULL, 0));
        }
        s->must_leave = s->writing;
        store_lose(st, any ? s->node.prev : &s->node);
    }
    pthread_mutex_unlock(&st->lock);
    log_line(
        LOG_ERROR, "history_damaged",
        "file=%s found=\"%s\" msg=\"replay begins behind it; alipes history check tells more\"",
        name, what);
}

/* --- becoming ready -----------------------------------------------------------------------------
 */

static bool
load_index(struct store *st, struct segment *s)
{
    char name[SEGMENT_NAME], *bytes;
    size_t len;
    struct segment_index x;
    struct id_filter filter;
    segment_name(name, s->header.first, ".idx");
    if (!file_read_whole(st->folder, name, 0, &bytes, &len))
        return false;
    bool ok = segment_index_read(SLICE_OF(bytes, len), &x);
    if (ok &&
        (position_cmp(x.first, s->header.first) != 0 || x.salt != s->header.salt ||
         x.length != s->length || x.count != s->count || !id_filter_init(&filter, x.entry_count))) {
        free((void *)x.blocks);
        ok = false;
    }
    if (ok) {
        uint64_t at = SEGMENT_INDEX_HEAD + (uint64_t)x.block_count * SEGMENT_BLOCK_BYTES;
        for (uint32_t i = 0; i < x.entry_count; i++)
            id_filter_add(&filter,
                          segment_entry_read(bytes + at + (uint64_t)i * SEGMENT_ENTRY_BYTES).hash);
        pthread_mutex_lock(&st->lock);
        s->blocks = (struct block *)x.blocks;
        s->block_count = s->block_cap = x.block_count;
        s->last_offset = x.last_offset;
        s->filter = filter;
        s->entry_count = x.entry_count;
        s->entries_at = at;
        s->indexed = s->ready = true;
        pthread_mutex_unlock(&st->lock);
    }
    free(bytes);
    return ok;
}

/* What a rebuild gathers, apart from the segment: others look at that meanwhile. */
static void
on_record(void *context, const struct log_record *r, struct block here)
{
    struct segment *gathered = context;
    store_add_block(gathered, here);
    id_table_add(&gathered->table, hash_keyed(&gathered->header.key, r->id), here.offset);
    gathered->last_offset = here.offset;
}

static bool
rebuild_index(struct store *st, struct segment *s)
{
    char name[SEGMENT_NAME], *bytes = NULL;
    size_t len = 0;
    struct segment_scan scan;
    segment_name(name, s->header.first, ".log");
    if (!file_read_whole(st->folder, name, s->length, &bytes, &len)) {
        if (!is_passing(errno))
            store_note_damage(st, s, "unreadable");
        return false;
    }
    struct segment *gathered = store_segment_new(&s->header);
    segment_scan(SLICE_OF(bytes, len), &s->header, s->length, on_record, gathered, &scan);
    free(bytes);
    pthread_mutex_lock(&st->lock);
    s->blocks = gathered->blocks;
    s->block_count = gathered->block_count;
    s->block_cap = gathered->block_cap;
    s->last_offset = gathered->last_offset;
    s->table = gathered->table;
    s->ready = true;
    pthread_mutex_unlock(&st->lock);
    gathered->blocks = NULL;
    gathered->table = (struct id_table){0};
    store_segment_free(gathered);
    if (scan.damaged)
        store_note_damage(st, s, "records that do not check");
    return true;
}

bool
store_make_ready(struct store *st, struct segment *s)
{
    pthread_mutex_lock(&st->load_lock);
    pthread_mutex_lock(&st->lock);
    bool ready = s->ready, useless = s->lost || s->dropped;
    pthread_mutex_unlock(&st->lock);
    if (!ready && !useless)
        ready = load_index(st, s) || rebuild_index(st, s);
    pthread_mutex_unlock(&st->load_lock);
    return ready;
}

/* --- look-ups -----------------------------------------------------------------------------------
 */

/* The offset that the index on the disk has for a hash; 0: none. */
static uint32_t
search_index(struct store *st, const struct segment *s, uint64_t hash)
{
    char window[WINDOW_ENTRIES * SEGMENT_ENTRY_BYTES];
    uint32_t low = 0, high = s->entry_count, found = 0;
    int fd = open_file(st, s, ".idx");
    while (fd >= 0 && low < high && found == 0) {
        uint32_t guess = (uint32_t)((double)hash / 18446744073709551616.0 * s->entry_count);
        uint32_t from = guess > WINDOW_ENTRIES / 2 ? guess - WINDOW_ENTRIES / 2 : 0;
        if (from < low || from >= high) /* the guess was used up: halve what is left */
            from = high - low > WINDOW_ENTRIES ? low + (high - low) / 2 : low;
        uint32_t count = high - from < WINDOW_ENTRIES ? high - from : WINDOW_ENTRIES;
        size_t len = (size_t)count * SEGMENT_ENTRY_BYTES;
        if (file_read_at(fd, window, len, s->entries_at + (uint64_t)from * SEGMENT_ENTRY_BYTES) !=
            (ssize_t)len)
            break;
        struct id_entry first = segment_entry_read(window);
        struct id_entry last = segment_entry_read(window + len - SEGMENT_ENTRY_BYTES);
        if (hash < first.hash) {
            high = from;
            continue;
        }
        if (hash > last.hash) {
            low = from + count;
            continue;
        }
        for (uint32_t i = 0; i < count && found == 0; i++) {
            struct id_entry e = segment_entry_read(window + (size_t)i * SEGMENT_ENTRY_BYTES);
            if (e.hash == hash)
                found = e.offset;
        }
        break;
    }
    if (fd >= 0)
        close(fd);
    return found;
}

/* Calls `each` for held segments, oldest first, until it says true; they are used meanwhile and the
 * lock is not held. */
static bool
any_segment(struct store *st, bool (*each)(struct store *, struct segment *, void *), void *context)
{
    bool found = false;
    pthread_mutex_lock(&st->lock);
    struct list *node = st->segments.next;
    while (node != &st->segments && !found) {
        struct segment *s = CONTAINER_OF(node, struct segment, node);
        if (s->lost || s->count == 0) {
            node = node->next;
            continue;
        }
        store_use(s);
        pthread_mutex_unlock(&st->lock);
        found = store_make_ready(st, s) && each(st, s, context);
        pthread_mutex_lock(&st->lock);
        /* Removed meanwhile, and all before it: what is oldest now comes next. */
        node = s->dropped ? st->segments.next : s->node.next;
        store_leave(s);
    }
    pthread_mutex_unlock(&st->lock);
    return found;
}

/* Where the hash may be; 0: nowhere. */
static uint32_t
offset_of(struct store *st, struct segment *s, uint64_t hash)
{
    pthread_mutex_lock(&st->lock);
    bool indexed = s->indexed;
    uint32_t offset = indexed ? 0 : id_table_find(&s->table, hash);
    bool may = indexed && id_filter_may_have(&s->filter, hash);
    pthread_mutex_unlock(&st->lock);
    return may ? search_index(st, s, hash) : offset;
}

static bool
has_hash(struct store *st, struct segment *s, void *context)
{
    return offset_of(st, s, *(uint64_t *)context) != 0;
}

bool
store_knows(struct store *st, uint64_t hash)
{
    return any_segment(st, has_hash, &hash);
}

struct wanted {
    struct slice id;
    uint64_t hash;
    bool found, is_later; /* an earlier one with this id is gone */
    struct position position;
};

/* The record at an offset. *bytes is the caller's to free. */
static bool
read_record(struct store *st, struct segment *s, uint64_t length, uint32_t offset, char **bytes,
            struct log_record *r)
{
    char head[RECORD_HEAD];
    *bytes = NULL;
    int fd = open_file(st, s, ".log");
    bool ok = fd >= 0 && file_read_at(fd, head, sizeof head, offset) == RECORD_HEAD;
    size_t len = ok ? le32_get(head) : 0;
    ok = ok && len >= RECORD_HEAD && offset + len <= length && (*bytes = try_alloc(len)) &&
         file_read_at(fd, *bytes, len, offset) == (ssize_t)len &&
         log_record_read(SLICE_OF(*bytes, len), s->header.salt, r) == RECORD_OK;
    if (fd >= 0)
        close(fd);
    return ok;
}

static bool
has_id(struct store *st, struct segment *s, void *context)
{
    struct wanted *w = context;
    struct log_record r;
    char *bytes;
    uint32_t offset = offset_of(st, s, w->hash);
    pthread_mutex_lock(&st->lock);
    uint64_t length = s->length;
    bool counts = offset >= s->valid.offset;
    pthread_mutex_unlock(&st->lock);
    if (!counts) /* also: not there */
        return false;
    if (read_record(st, s, length, offset, &bytes, &r) && slice_eq(r.id, w->id)) {
        w->found = true;
        w->is_later = r.flags & RECORD_ID_KNOWN;
        w->position = (struct position){s->header.first.run, r.sequence};
    }
    free(bytes);
    return w->found;
}

void
store_find(struct store *st, struct slice id, bool *ret_found, struct position *ret)
{
    struct wanted w = {.id = id, .hash = hash_keyed(&st->key, id)};
    pthread_mutex_lock(&st->lock);
    bool removed = st->removed.id && slice_eq(id, SLICE_OF(st->removed.id, st->removed.id_len));
    *ret = st->removed.position;
    pthread_mutex_unlock(&st->lock);
    *ret_found = true;
    if (removed)
        return;
    *ret_found = any_segment(st, has_id, &w) && !w.is_later;
    *ret = w.position;
}

/* --- reads --------------------------------------------------------------------------------------
 */

/* One block of one segment, as of the moment it was chosen. */
struct stretch {
    struct segment *segment; /* used */
    uint32_t number;         /* of the block */
    struct block begin;
    uint32_t end; /* offset behind it */
    struct position before;
};

static struct batch *
find_cached(struct store *st, const struct stretch *x)
{
    for (size_t i = 0; i < CACHED_PIECES; i++) {
        struct cached_piece *c = &st->cache[i];
        if (c->piece && c->block == x->number && c->end == x->end &&
            position_cmp(c->first, x->segment->header.first) == 0) {
            c->used = ++st->clock;
            return batch_ref(c->piece);
        }
    }
    return NULL;
}

static void
forget(struct store *st, struct cached_piece *c)
{
    st->cached_bytes -= c->piece->bytes;
    batch_unref(&c->piece);
}

static void
cache(struct store *st, const struct stretch *x, struct batch *piece)
{
    struct cached_piece *place = NULL;
    for (;;) {
        struct cached_piece *stale = NULL;
        place = NULL;
        for (size_t i = 0; i < CACHED_PIECES; i++) {
            struct cached_piece *c = &st->cache[i];
            if (c->piece == NULL)
                place = c;
            else if (stale == NULL || c->used < stale->used)
                stale = c;
        }
        if (place && (stale == NULL || st->cached_bytes + piece->bytes <= st->settings.cache_bytes))
            break;
        forget(st, stale);
    }
    *place = (struct cached_piece){.first = x->segment->header.first,
                                   .block = x->number,
                                   .end = x->end,
                                   .used = ++st->clock,
                                   .piece = batch_ref(piece)};
    st->cached_bytes += piece->bytes;
}

/* Counts the records of a block; 0: one does not check. */
static uint32_t
count_records(const struct stretch *x, struct slice bytes)
{
    uint32_t count = 0, previous = 0;
    uint64_t sequence = x->segment->header.first.sequence + x->begin.index;
    struct log_record r;
    for (; bytes.len; bytes = slice_from(bytes, r.length), count++) {
        if (log_record_read(bytes, x->segment->header.salt, &r) != RECORD_OK ||
            r.sequence != sequence + count || (count && r.previous != previous))
            return 0;
        previous = r.crc;
    }
    return count;
}

static struct batch *
decode(const struct stretch *x, struct slice bytes, uint32_t count)
{
    struct batch *b = batch_new(count);
    struct log_record r;
    b->after = x->before;
    for (uint32_t i = 0; i < count; i++, bytes = slice_from(bytes, r.length)) {
        if (log_record_read(bytes, x->segment->header.salt, &r) != RECORD_OK ||
            (b->updates[i] = log_record_update(&r, x->segment->header.first.run)) == NULL) {
            b->count = i;
            batch_unref(&b);
            return NULL; /* no memory */
        }
        b->bytes += b->updates[i]->size;
    }
    b->upto = b->updates[count - 1]->position;
    return b;
}

enum reading_state {
    READING_OK,
    READING_DAMAGED,
    READING_FAILED,
};

static enum reading_state
read_stretch(struct store *st, const struct stretch *x, struct batch **ret)
{
    size_t len = x->end - x->begin.offset;
    int fd = open_file(st, x->segment, ".log");
    if (fd < 0)
        return is_passing(errno) ? READING_FAILED : READING_DAMAGED;
    char *bytes = try_alloc(len);
    enum reading_state state = READING_FAILED;
    if (bytes) {
        state = READING_DAMAGED;
        uint32_t count = 0;
        if (file_read_at(fd, bytes, len, x->begin.offset) == (ssize_t)len)
            count = count_records(x, SLICE_OF(bytes, len));
        if (count)
            state = (*ret = decode(x, SLICE_OF(bytes, len), count)) ? READING_OK : READING_FAILED;
    }
    free(bytes);
    close(fd);
    return state;
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
    x.end = low + 1 < s->block_count ? s->blocks[low + 1].offset : (uint32_t)s->length;
    if (x.begin.offset < s->valid.offset)
        x.begin = s->valid;
    x.before = x.begin.index ? (struct position){s->header.first.run,
                                                 s->header.first.sequence + x.begin.index - 1}
                             : s->header.before;
    return x;
}

static struct segment *
segment_behind(struct store *st, struct position after)
{
    LIST_EACH(node, next, &st->segments)
    {
        struct segment *s = CONTAINER_OF(node, struct segment, node);
        if (!s->lost && s->count && position_cmp(store_segment_last(s), after) > 0)
            return s;
    }
    return NULL;
}

/* One try. False: something moved meanwhile, look again. The lock is held, and given up between. */
static bool
try_read(struct store *st, struct position after, bool *ret_gone, struct batch **ret)
{
    struct segment *s = NULL;
    *ret_gone = position_cmp(after, st->removed.position) < 0;
    if (*ret_gone || (s = segment_behind(st, after)) == NULL)
        return true;
    store_use(s);
    if (!s->ready) {
        pthread_mutex_unlock(&st->lock);
        bool ready = store_make_ready(st, s);
        pthread_mutex_lock(&st->lock);
        /* Damaged: `removed` has moved, or the file went. Else it cannot be had now. */
        *ret_gone = !ready && !s->lost && !s->dropped;
        store_leave(s);
        return *ret_gone;
    }
    struct stretch x = choose_block(s, after);
    pthread_mutex_unlock(&st->lock);
    enum reading_state state = READING_OK;
    if ((*ret = find_cached(st, &x)) == NULL) {
        state = read_stretch(st, &x, ret);
        if (state == READING_OK)
            cache(st, &x, *ret);
        else if (state == READING_DAMAGED)
            store_note_damage(st, s, "a record that does not check");
    }
    pthread_mutex_lock(&st->lock);
    store_leave(s);
    /* Retention may have come by; and a piece must begin where the stream stands. */
    *ret_gone = state == READING_FAILED || position_cmp(after, st->removed.position) < 0 ||
                (*ret && position_cmp((*ret)->after, after) > 0);
    if (*ret_gone)
        batch_unref(ret);
    return *ret_gone || *ret;
}

void
store_read(struct store *st, bool from_removed, struct position *after, bool *ret_gone,
           struct batch **ret_piece)
{
    *ret_piece = NULL;
    pthread_mutex_lock(&st->lock);
    if (from_removed)
        *after = st->removed.position;
    while (!try_read(st, *after, ret_gone, ret_piece))
        ;
    pthread_mutex_unlock(&st->lock);
}
