/* replay - reads and look-ups in what is committed.
 *
 * A read answers one block: the records that begin in one stretch of SEGMENT_BLOCK bytes, whole, so
 * that streams which come back together share it. A look-up asks the segments from the oldest on:
 * the table or the filter in memory, then a place in the sorted index (the hash is uniform, so its
 * place is guessed and one read mostly suffices), then the record itself. */

#include "base/alloc.h"
#include "base/le.h"
#include "transport/log/file.h"
#include "transport/log/store_parts.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    WINDOW_ENTRIES = 512, /* of an index, read at once */
    TRIES = 16,           /* while files move, or are well only at the second look */
};

static int
open_file(const struct store *st, const struct segment *s, const char *suffix)
{
    char name[SEGMENT_NAME];
    segment_name(name, s->header.first, suffix);
    return openat(st->folder, name, O_RDONLY | O_CLOEXEC);
}

/* --- look-ups -----------------------------------------------------------------------------------
 */

enum answer {
    ANSWER_NO,
    ANSWER_YES,
    ANSWER_NOT_NOW, /* what was to be read could not be */
};

/* Entries of an index on the disk, and the hash that is looked for among them. */
struct search {
    uint64_t hash, entries_at;
    uint32_t entry_count;
};

/* *ret: the offset that the index has for the hash; 0: none. False: it could not be read. */
static bool
search_index(struct store *st, const struct segment *s, const struct search *q, uint32_t *ret)
{
    char window[WINDOW_ENTRIES * SEGMENT_ENTRY_BYTES];
    uint32_t low = 0, high = q->entry_count;
    int fd = open_file(st, s, ".idx");
    bool ok = fd >= 0;
    *ret = 0;
    while (ok && low < high) {
        uint32_t guess = (uint32_t)((double)q->hash / 18446744073709551616.0 * q->entry_count);
        uint32_t from = guess > WINDOW_ENTRIES / 2 ? guess - WINDOW_ENTRIES / 2 : 0;
        if (from < low || from >= high) /* the guess was used up: halve what is left */
            from = high - low > WINDOW_ENTRIES ? low + (high - low) / 2 : low;
        uint32_t count = high - from < WINDOW_ENTRIES ? high - from : WINDOW_ENTRIES;
        size_t len = (size_t)count * SEGMENT_ENTRY_BYTES;
        ok = file_read_at(fd, window, len, q->entries_at + (uint64_t)from * SEGMENT_ENTRY_BYTES) ==
             (ssize_t)len;
        if (!ok)
            break;
        struct id_entry first = segment_entry_read(window);
        struct id_entry last = segment_entry_read(window + len - SEGMENT_ENTRY_BYTES);
        if (q->hash < first.hash) {
            high = from;
            continue;
        }
        if (q->hash > last.hash) {
            low = from + count;
            continue;
        }
        for (uint32_t i = 0; i < count && *ret == 0; i++) {
            struct id_entry e = segment_entry_read(window + (size_t)i * SEGMENT_ENTRY_BYTES);
            if (e.hash == q->hash)
                *ret = e.offset;
        }
        break;
    }
    if (fd >= 0)
        close(fd);
    return ok;
}

/* Asks held segments, oldest first, until one says something else than no; they are used meanwhile
 * and the lock is not held. */
static enum answer
ask_segments(struct store *st, enum answer (*ask)(struct store *, struct segment *, void *),
             void *context)
{
    enum answer answer = ANSWER_NO;
    pthread_mutex_lock(&st->lock);
    struct list *node = st->segments.next;
    while (node != &st->segments && answer == ANSWER_NO) {
        struct segment *s = CONTAINER_OF(node, struct segment, node);
        if (s->lost || s->count == 0) {
            node = node->next;
            continue;
        }
        store_use(s);
        pthread_mutex_unlock(&st->lock);
        answer = ask(st, s, context);
        pthread_mutex_lock(&st->lock);
        if (answer == ANSWER_NOT_NOW && (s->lost || s->dropped))
            answer = ANSWER_NO; /* for good, meanwhile */
        /* Removed meanwhile, and all before it: what is oldest now comes next. */
        node = s->dropped ? st->segments.next : s->node.next;
        store_leave(s);
    }
    pthread_mutex_unlock(&st->lock);
    return answer;
}

/* Where the hash may be. An index that cannot be read is made again, from the records. */
static enum answer
offset_of(struct store *st, struct segment *s, uint64_t hash, uint32_t *ret)
{
    for (int tries = 0; tries < TRIES && store_make_ready(st, s); tries++) {
        pthread_mutex_lock(&st->lock);
        bool indexed = s->indexed, may = indexed && id_filter_may_have(&s->filter, hash);
        struct search q = {hash, s->entries_at, s->entry_count};
        *ret = indexed ? 0 : id_table_find(&s->table, hash);
        pthread_mutex_unlock(&st->lock);
        if (!may || search_index(st, s, &q, ret))
            return *ret ? ANSWER_YES : ANSWER_NO;
        store_forget_index(st, s);
    }
    return ANSWER_NOT_NOW;
}

static enum answer
has_hash(struct store *st, struct segment *s, void *context)
{
    uint32_t offset;
    return offset_of(st, s, *(uint64_t *)context, &offset);
}

/* Where that cannot be told the id is taken for known. At worst its cursor is answered as unknown
 * one day, which is said; the other mistake would lead a cursor past updates in silence. */
bool
store_knows(struct store *st, uint64_t hash)
{
    return ask_segments(st, has_hash, &hash) != ANSWER_NO;
}

struct wanted {
    struct slice id;
    uint64_t hash;
    bool is_later; /* an earlier one with this id is gone */
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

static enum answer
has_id(struct store *st, struct segment *s, void *context)
{
    struct wanted *w = context;
    struct log_record r;
    char *bytes;
    uint32_t offset;
    for (int tries = 0; tries < TRIES; tries++) {
        enum answer answer = offset_of(st, s, w->hash, &offset);
        if (answer != ANSWER_YES)
            return answer;
        pthread_mutex_lock(&st->lock);
        uint64_t length = s->length;
        bool counts = offset >= s->valid.offset;
        pthread_mutex_unlock(&st->lock);
        if (!counts)
            return ANSWER_NO;
        bool ok = read_record(st, s, length, offset, &bytes, &r),
             same = ok && slice_eq(r.id, w->id);
        if (same) {
            w->is_later = r.flags & RECORD_ID_KNOWN;
            w->position = (struct position){s->header.first.run, r.sequence};
        }
        free(bytes);
        if (ok)
            return same ? ANSWER_YES : ANSWER_NO;
        /* The record, or the place that the index gave. */
        if (store_judge(st, s, "a record that does not check") != JUDGED_NOT_NOW)
            store_forget_index(st, s);
    }
    return ANSWER_NOT_NOW;
}

bool
store_find(struct store *st, struct slice id, bool *ret_found, struct position *ret)
{
    struct wanted w = {.id = id, .hash = hash_keyed(&st->key, id)};
    pthread_mutex_lock(&st->lock);
    bool removed = st->removed.id && slice_eq(id, SLICE_OF(st->removed.id, st->removed.id_len));
    *ret = st->removed.position;
    pthread_mutex_unlock(&st->lock);
    *ret_found = true;
    if (removed)
        return true;
    enum answer answer = ask_segments(st, has_id, &w);
    *ret_found = answer == ANSWER_YES && !w.is_later;
    *ret = w.position;
    return answer != ANSWER_NOT_NOW;
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
    READING_FAILED, /* it could not be read, or does not check: the file is to be judged */
    READING_NO_MEMORY,
};

static enum reading_state
read_stretch(struct store *st, const struct stretch *x, struct batch **ret)
{
    size_t len = x->end - x->begin.offset;
    int fd = open_file(st, x->segment, ".log");
    if (fd < 0)
        return READING_FAILED;
    char *bytes = try_alloc(len);
    enum reading_state state = READING_NO_MEMORY;
    if (bytes) {
        uint32_t count = 0;
        if (file_read_at(fd, bytes, len, x->begin.offset) == (ssize_t)len)
            count = count_records(x, SLICE_OF(bytes, len));
        if (count == 0)
            state = READING_FAILED;
        else if ((*ret = decode(x, SLICE_OF(bytes, len), count)) != NULL)
            state = READING_OK;
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

/* False: it cannot be read now. No piece: look again, for the segment is lost, or well after all.
 */
static bool
read_now(struct store *st, const struct stretch *x, struct batch **ret)
{
    enum reading_state state = read_stretch(st, x, ret);
    if (state == READING_FAILED)
        return store_judge(st, x->segment, "a record that does not check") != JUDGED_NOT_NOW;
    if (state == READING_NO_MEMORY)
        return false;
    cache(st, x, *ret);
    pthread_mutex_lock(&st->lock);
    x->segment->patience_ends_ms = 0;
    pthread_mutex_unlock(&st->lock);
    return true;
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
    bool not_now = (*ret = find_cached(st, &x)) == NULL && !read_now(st, &x, ret);
    pthread_mutex_lock(&st->lock);
    store_leave(s);
    /* Retention may have come by; and a piece must begin where the stream stands. */
    *ret_gone = not_now || position_cmp(after, st->removed.position) < 0 ||
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
    bool done = false;
    for (int tries = 0; tries < TRIES && !done; tries++)
        done = try_read(st, *after, ret_gone, ret_piece);
    *ret_gone |= !done;
    pthread_mutex_unlock(&st->lock);
}
