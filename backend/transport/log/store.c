/* store - the folder: commits, sealing, room, and the chores.
 *
 * One commit is one pwrite() and one fdatasync() into a file that was filled with zeros before, so
 * neither changes the file's size. What one gets wrong: after a failed sync the kernel calls the
 * pages clean, so a later sync or a later read proves nothing; the segment is left at its last
 * confirmed length, and the next one's header says so before its first commit. Room is made before
 * a file is, and counts whole (its index included) until it is sealed and cut.
 *
 * Lock order: load_lock, lock. `lock` is never held over a sync. */

#include "transport/log/store.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/le.h"
#include "base/log.h"
#include "transport/log/file.h"
#include "transport/log/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    RETRY_MS = 100,  /* after a failure no new segment is tried for so long */
    CHORE_MS = 1000, /* retention by age and the like */
    MIN_SEGMENT = 64 * 1024,
    USUAL_RECORD = 4096, /* or less: larger ones fill a segment before their number does */
    MAX_SEGMENT = 16 * 1024 * 1024,
    BUFFER_KEPT = 4 * 1024 * 1024, /* a larger encode buffer is given back after its commit */
};

static const char prepared_name[] = "prepared";

static int64_t
boot_ms(void)
{
    return (int64_t)clock_boot_ms();
}

/* --- segments as objects ------------------------------------------------------------------------
 */

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

/* --- room ----------------------------------------------------------------------------------------
 */

void
store_set_removed(struct store *st, struct position p, struct slice id)
{
    char *copy = id.ptr ? xstrndup(id.ptr, id.len) : NULL;
    free(st->removed.id);
    st->removed = (struct removed){.position = p, .id = copy, .id_len = id.len};
}

void
store_move_removed(struct store *st, struct position p, struct slice id)
{
    if (position_cmp(p, st->removed.position) >= 0)
        store_set_removed(st, p, id);
}

/* The id of its last record, from the next header or from the file; NULL: it cannot be read, or
 * came before, so that as a cursor it may mean an earlier one. Caller frees. */
static char *
last_id(struct store *st, const struct segment *s, size_t *ret_len)
{
    char name[SEGMENT_NAME], *bytes = NULL, *id = NULL;
    struct log_record r;
    if (s->node.next != &st->segments) {
        const struct segment *next = CONTAINER_OF(s->node.next, struct segment, node);
        if (next->before_id && position_cmp(next->header.before, store_segment_last(s)) == 0) {
            *ret_len = next->before_id_len;
            return xstrndup(next->before_id, next->before_id_len);
        }
    }
    segment_name(name, s->header.first, ".log");
    if (s->last_offset == 0 || s->length <= s->last_offset)
        return NULL;
    int fd = openat(st->folder, name, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return NULL;
    size_t len = (size_t)(s->length - s->last_offset);
    if ((bytes = try_alloc(len)) != NULL &&
        file_read_at(fd, bytes, len, s->last_offset) == (ssize_t)len &&
        log_record_read(SLICE_OF(bytes, len), s->header.salt, &r) == RECORD_OK &&
        !(r.flags & RECORD_ID_KNOWN)) {
        id = xstrndup(r.id.ptr, r.id.len);
        *ret_len = r.id.len;
    }
    close(fd);
    free(bytes);
    return id;
}

static struct segment *
oldest(struct store *st)
{
    struct list *node = st->segments.next;
    struct segment *s = node == &st->segments ? NULL : CONTAINER_OF(node, struct segment, node);
    return s && !s->writing ? s : NULL;
}

bool
store_remove_oldest(struct store *st)
{
    static const char *const suffixes[] = {".log", ".idx"};
    char name[SEGMENT_NAME];
    size_t id_len = 0;
    struct segment *s = oldest(st);
    if (s == NULL)
        return false;
    if (!s->lost && s->count) {
        char *id = last_id(st, s, &id_len);
        store_move_removed(st, store_segment_last(s), SLICE_OF(id, id_len));
        free(id);
    }
    for (size_t i = 0; i < COUNT_OF(suffixes); i++) {
        segment_name(name, s->header.first, suffixes[i]);
        unlinkat(st->folder, name, 0);
    }
    list_unlink(&s->node);
    st->used -= s->space;
    if (!s->lost)
        st->events -= s->count;
    s->dropped = true;
    store_use(s);
    store_leave(s);
    return true;
}

/* Reserves that much, removing what is oldest. False: even so there is no room. What is no segment
 * of the usual size may take half of all: else one update could push everything out. */
static bool
make_room(struct store *st, uint64_t bytes)
{
    if (bytes > st->segment_bytes && bytes > st->settings.max_bytes / 2)
        return false;
    pthread_mutex_lock(&st->lock);
    while (st->used + bytes > st->settings.max_bytes && store_remove_oldest(st))
        ;
    bool fits = st->used + bytes <= st->settings.max_bytes;
    if (fits)
        st->used += bytes;
    pthread_mutex_unlock(&st->lock);
    return fits;
}

static void
give_room(struct store *st, uint64_t bytes)
{
    pthread_mutex_lock(&st->lock);
    st->used -= bytes;
    pthread_mutex_unlock(&st->lock);
}

static void
make_room_for_events(struct store *st, uint32_t count)
{
    pthread_mutex_lock(&st->lock);
    while (st->events + count > st->settings.max_events && store_remove_oldest(st))
        ;
    pthread_mutex_unlock(&st->lock);
}

/* --- a new segment ------------------------------------------------------------------------------
 */

/* What a segment and its index may take with one more record. */
static uint64_t
space_with(const struct segment *s, uint64_t length, uint64_t count)
{
    return length + segment_index_size(length / SEGMENT_BLOCK + 2, s->table.count + count);
}

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
        if (renameat(st->folder, prepared_name, st->folder, name) == 0) {
            int fd = openat(st->folder, name, O_RDWR | O_CLOEXEC);
            if (fd >= 0)
                return fd;
        }
        unlinkat(st->folder, prepared_name, 0);
    } else if (!make_room(st, space)) {
        error_set(err, "%s: no room for %llu bytes within max_bytes", st->path,
                  (unsigned long long)space);
        return -1;
    }
    int fd = openat(st->folder, name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
    if (fd < 0) {
        error_set(err, "%s/%s: %s", st->path, name, strerror(errno));
        unlinkat(st->folder, name, 0); /* the prepared one may be there under this name */
        give_room(st, space);
    }
    return fd;
}

static void
leave_open(struct store *st)
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
            *ret_id = last_id(st, before, &len);
    } else if (st->removed.id) {
        *ret_id = xstrndup(st->removed.id, len = st->removed.id_len);
    }
    pthread_mutex_unlock(&st->lock);
    h->has_before_id = *ret_id != NULL;
    h->before_id = SLICE_OF(*ret_id, len);
}

/* Writes that failed leave files that hold nothing: no header names them any more, so they go. */
static void
remove_empty(struct store *st)
{
    static const char *const suffixes[] = {".log", ".idx"};
    char name[SEGMENT_NAME];
    LIST_EACH(node, after, &st->segments)
    {
        struct segment *s = CONTAINER_OF(node, struct segment, node);
        if (s->writing || !is_empty(s))
            continue;
        for (size_t i = 0; i < COUNT_OF(suffixes); i++) {
            segment_name(name, s->header.first, suffixes[i]);
            unlinkat(st->folder, name, 0);
        }
        list_unlink(&s->node);
        st->used -= s->space;
        s->dropped = true;
        store_use(s);
        store_leave(s);
    }
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
        h.first.sequence = ++st->next_sequence; /* a name of its own */
    leave_open(st);
    uint64_t length = SEGMENT_HEADER + record_bytes;
    uint64_t need = length + segment_index_size(length / SEGMENT_BLOCK + 2, 1);
    uint64_t space = need > st->segment_bytes ? need : st->segment_bytes;
    segment_name(name, h.first, ".log");
    segment_name(beside, h.first, ".new");
    int fd = next_file(st, space, beside, err);
    if (fd < 0)
        return false;
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
        give_room(st, space);
        return false;
    }
    s->space = space;
    s->synced = SEGMENT_HEADER;
    s->writing = s->ready = true;
    s->first_boot_ms = s->last_boot_ms = boot_ms();
    st->previous_crc = h.crc;
    pthread_mutex_lock(&st->lock);
    list_append(&st->segments, &s->node);
    st->open = s;
    st->fd = fd;
    st->new_segments = true;
    remove_empty(st);
    pthread_mutex_unlock(&st->lock);
    return true;
}

/* --- the writer ---------------------------------------------------------------------------------
 */

static void
say_trouble(struct store *st, const struct error *err)
{
    static struct log_limit limit;
    uint64_t more;
    st->trouble = true;
    if (log_allowed(&limit, &more))
        log_line(LOG_ERROR, "history_failed",
                 "suppressed=%llu error=%s msg=\"publishes are answered 503 until this is over\"",
                 (unsigned long long)more, LOG_SLICE(slice_of(err->text)));
}

static void
say_over(struct store *st)
{
    if (st->trouble)
        log_line(LOG_INFO, "history_recovered", "%s", "msg=\"publishes are stored again\"");
    st->trouble = false;
}

/* How many of these the open segment takes in one commit. */
static uint32_t
fitting(struct store *st, struct update *const *updates, uint32_t count)
{
    const struct segment *s = st->open;
    uint64_t length = s->length;
    uint32_t n = 0;
    while (n < count && s->count + n < st->segment_events) {
        uint64_t longer = length + log_record_size(updates[n]);
        if (space_with(s, longer, n + 1) > s->space || longer > UINT32_MAX)
            break;
        length = longer;
        n++;
    }
    return n;
}

bool
store_begin(struct store *st, struct update *const *updates, uint32_t count, uint32_t *ret_count,
            struct error *err)
{
    *ret_count = 0;
    pthread_mutex_lock(&st->lock);
    bool must_leave = st->open && st->open->must_leave;
    pthread_mutex_unlock(&st->lock);
    if (st->open && !must_leave && (*ret_count = fitting(st, updates, count)) > 0)
        return true;
    if (clock_mono_ms() < st->retry_at_ms)
        return error_set(err, "%s: the store failed a moment ago", st->path);
    if (!store_roll(st, log_record_size(updates[0]), err)) {
        st->retry_at_ms = clock_mono_ms() + RETRY_MS;
        say_trouble(st, err);
        return false;
    }
    *ret_count = fitting(st, updates, count);
    return *ret_count > 0 || error_set(err, "%s: an update of %zu bytes fits no segment", st->path,
                                       log_record_size(updates[0]));
}

static bool
is_known(struct store *st, const struct update *u, uint64_t hash)
{
    if (!u->id_is_chosen)
        return false;
    if (id_table_find(&st->batch_ids, hash))
        return true;
    id_table_add(&st->batch_ids, hash, 1);
    return store_knows(st, hash);
}

/* Positions, and the records into st->buffer. Returns their length. */
static size_t
encode(struct store *st, struct batch *b, const struct store_past *past, uint64_t *hashes)
{
    const struct store_past now = {.time_ms = clock_wall_ms()};
    uint64_t synced = st->open->length;
    size_t len = 0;
    if (st->settings.sync_interval_ms) {
        pthread_mutex_lock(&st->lock);
        synced = st->open->synced;
        pthread_mutex_unlock(&st->lock);
    }
    id_table_clear(&st->batch_ids);
    for (uint32_t i = 0; i < b->count; i++) {
        struct update *u = b->updates[i];
        const struct store_past *p = past ? &past[i] : &now;
        hashes[i] = hash_keyed(&st->key, u->id);
        if (p->time_ms > st->last_time_ms)
            st->last_time_ms = p->time_ms;
        struct log_record r = {.previous = st->previous_crc,
                               .synced = (uint32_t)synced,
                               .sequence = st->next_sequence++,
                               .time_ms = st->last_time_ms};
        r.flags = (uint8_t)((u->is_private ? RECORD_PRIVATE : 0) |
                            (u->id_is_chosen ? RECORD_ID_CHOSEN : 0) |
                            (is_known(st, u, hashes[i]) || p->id_was_known ? RECORD_ID_KNOWN : 0));
        log_record_write(st->buffer + len, u, st->open->header.salt, &r);
        st->previous_crc = r.crc;
        u->position = (struct position){st->run, r.sequence};
        len += r.length;
    }
    return len;
}

/* From here on it is committed: found, read and counted. */
static void
enter(struct store *st, const struct batch *b, const uint64_t *hashes, size_t len)
{
    struct segment *s = st->open;
    pthread_mutex_lock(&st->lock);
    uint64_t offset = s->length;
    int64_t now = boot_ms();
    if (s->count == 0)
        s->first_boot_ms = now;
    for (uint32_t i = 0; i < b->count; i++) {
        store_add_block(s, (struct block){s->count++, (uint32_t)offset});
        id_table_add(&s->table, hashes[i], (uint32_t)offset);
        s->last_offset = (uint32_t)offset;
        offset += log_record_size(b->updates[i]);
    }
    ENSURE(offset == s->length + len);
    s->length = offset;
    if (st->settings.sync_interval_ms == 0)
        s->synced = offset;
    s->last_time_ms = st->last_time_ms;
    s->last_boot_ms = now;
    st->events += b->count;
    st->last = b->upto;
    struct lock_note note = {st->last, s->header.first, s->length};
    pthread_mutex_unlock(&st->lock);
    lock_write(st->lock_file, &note);
}

bool
store_commit(struct store *st, struct batch *b, struct error *err)
{
    return store_commit_past(st, b, NULL, err);
}

bool
store_commit_past(struct store *st, struct batch *b, const struct store_past *past,
                  struct error *err)
{
    size_t need = 0;
    b->bytes = 0;
    for (uint32_t i = 0; i < b->count; i++) {
        need += log_record_size(b->updates[i]);
        b->bytes += b->updates[i]->size;
    }
    make_room_for_events(st, b->count);
    uint64_t *hashes = try_alloc(b->count * sizeof *hashes);
    if (need > st->buffer_size) {
        free(st->buffer);
        st->buffer = try_alloc(need);
        st->buffer_size = st->buffer ? need : 0;
    }
    if (hashes == NULL || st->buffer == NULL) {
        free(hashes);
        return error_set(err, "no memory for a commit of %zu bytes", need);
    }
    b->after = st->last;
    size_t len = encode(st, b, past, hashes);
    b->upto = b->updates[b->count - 1]->position;
    bool ok = file_write_at(st->fd, SLICE_OF(st->buffer, len), st->open->length) &&
              (st->settings.sync_interval_ms || fdatasync(st->fd) == 0);
    if (ok) {
        enter(st, b, hashes, len);
        say_over(st);
    } else {
        error_set(err, "%s: %s", st->path, strerror(errno));
        st->retry_at_ms = clock_mono_ms() + RETRY_MS;
        say_trouble(st, err);
        leave_open(st); /* the next one says where this one ends */
    }
    free(hashes);
    if (st->buffer_size > BUFFER_KEPT) {
        free(st->buffer);
        st->buffer = NULL;
        st->buffer_size = 0;
    }
    return ok;
}

uint64_t
store_tick(struct store *st)
{
    struct error err;
    const struct segment *s = st->open;
    uint64_t share = st->settings.max_age_ms / 16 + 1;
    if (s == NULL || s->count == 0)
        return share;
    int64_t age = boot_ms() - s->first_boot_ms;
    if (age < (int64_t)share)
        return share - (uint64_t)age;
    if (!store_roll(st, 0, &err))
        say_trouble(st, &err);
    return share;
}

bool
store_is_well(struct store *st)
{
    struct error err;
    if (!st->trouble || clock_mono_ms() < st->retry_at_ms)
        return !st->trouble;
    if (store_roll(st, 0, &err)) {
        say_over(st);
        return true;
    }
    st->retry_at_ms = clock_mono_ms() + RETRY_MS;
    say_trouble(st, &err);
    return false;
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
            ret->oldest_ms = clock_wall_ms() - (uint64_t)(boot_ms() - s->first_boot_ms);
        break;
    }
    pthread_mutex_unlock(&st->lock);
}

/* --- the keeper ---------------------------------------------------------------------------------
 */

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
static void
prepare(struct store *st)
{
    pthread_mutex_lock(&st->lock);
    bool needed = !st->prepared;
    pthread_mutex_unlock(&st->lock);
    if (!needed || !make_room(st, st->segment_bytes))
        return;
    bool ok = file_make_zeros(st->folder, prepared_name, st->segment_bytes);
    pthread_mutex_lock(&st->lock);
    st->prepared = ok;
    if (!ok)
        st->used -= st->segment_bytes;
    pthread_mutex_unlock(&st->lock);
}

static void
remove_old(struct store *st)
{
    pthread_mutex_lock(&st->lock);
    int64_t now = boot_ms();
    struct segment *s;
    while ((s = oldest(st)) != NULL && (now - s->last_boot_ms > (int64_t)st->settings.max_age_ms ||
                                        st->events > st->settings.max_events))
        store_remove_oldest(st);
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
    store_note_damage(st, s, "removed by somebody else");
    pthread_mutex_lock(&st->lock);
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
    remove_old(st);
    prepare(st);
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

/* --- open and close -----------------------------------------------------------------------------
 */

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
