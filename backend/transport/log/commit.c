/* commit - the writer: positions, records, one pwrite() and one fdatasync() into a file that was
 * filled with zeros before, so neither changes the file's size.
 *
 * What one gets wrong: after a failed sync the kernel calls the pages clean, so a later sync or a
 * later read proves nothing; the segment is left at its last confirmed length, and the next one's
 * header says so before its first commit. */

#include "transport/log/store_parts.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "transport/log/file.h"
#include "transport/log/lock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    RETRY_MS = 100,                /* after a failure no new segment is tried for so long */
    BUFFER_KEPT = 4 * 1024 * 1024, /* a larger encode buffer is given back after its commit */
};

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

/* What a segment and its index may take with one more record. */
static uint64_t
space_with(const struct segment *s, uint64_t length, uint64_t count)
{
    return length + segment_index_size(length / SEGMENT_BLOCK + 2, s->table.count + count);
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

/* In a segment of its own, with all else removed. */
static bool
can_ever_hold(const struct store *st, const struct update *u)
{
    uint64_t record = log_record_size(u), space = store_space_for(st, record);
    return record <= UINT32_MAX - SEGMENT_HEADER && store_can_have(st, space);
}

enum store_readiness
store_begin(struct store *st, struct update *const *updates, uint32_t count, uint32_t *ret_count,
            struct error *err)
{
    *ret_count = 0;
    /* Before anything is left: one that asks for too much is its publisher's trouble alone. */
    if (!can_ever_hold(st, updates[0])) {
        error_set(err, "%s: an update of %zu bytes is too large for max_bytes", st->path,
                  log_record_size(updates[0]));
        return STORE_TOO_LARGE;
    }
    pthread_mutex_lock(&st->lock);
    bool must_leave = st->open && st->open->must_leave;
    pthread_mutex_unlock(&st->lock);
    if (st->open && !must_leave && (*ret_count = fitting(st, updates, count)) > 0)
        return STORE_READY;
    if (clock_mono_ms() < st->retry_at_ms) {
        error_set(err, "%s: the store failed a moment ago", st->path);
        return STORE_FAILED;
    }
    bool is_large = store_space_for(st, log_record_size(updates[0])) > st->segment_bytes;
    if (!store_roll(st, log_record_size(updates[0]), err)) {
        if (is_large)
            return STORE_NO_ROOM;
        st->retry_at_ms = clock_mono_ms() + RETRY_MS;
        say_trouble(st, err);
        return STORE_FAILED;
    }
    *ret_count = fitting(st, updates, count);
    ENSURE(*ret_count > 0);
    return STORE_READY;
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
    int64_t now = (int64_t)clock_boot_ms();
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
    store_make_room_for_events(st, b->count);
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
        store_leave_open(st); /* the next one says where this one ends */
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
    int64_t age = (int64_t)clock_boot_ms() - s->first_boot_ms;
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
