/* writer - commits: positions, records, one pwrite() and one fdatasync() into a file that was
 * filled with zeros before, so neither changes the file's size.
 *
 * What one gets wrong: after a failed sync the kernel calls the pages clean, so a later sync or a
 * later read proves nothing; the segment is left at its last confirmed length, and the next one's
 * header says so before its first commit. */

#include "transport/disk/writer.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "transport/disk/disk_record.h"
#include "transport/disk/file.h"
#include "transport/disk/find.h"
#include "transport/disk/lock.h"
#include "transport/disk/retention.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    RETRY_MS = 100,                /* after a failure no new segment is tried for so long */
    BUFFER_KEPT = 4 * 1024 * 1024, /* a larger encode buffer is given back after its commit */
};

void
writer_fini(struct writer *w)
{
    id_table_free(&w->batch_ids);
    free(w->buffer);
}

static void
say_trouble(struct writer *w, const struct error *err)
{
    static struct log_limit limit;
    uint64_t more;
    w->trouble = true;
    if (log_allowed(&limit, &more))
        log_line(LOG_ERROR, "history_failed",
                 "suppressed=%llu error=%s msg=\"publishes are answered 503 until this is over\"",
                 (unsigned long long)more, LOG_SLICE(slice_of(err->text)));
}

static void
say_over(struct writer *w)
{
    if (w->trouble)
        log_line(LOG_INFO, "history_recovered", "%s", "msg=\"publishes are stored again\"");
    w->trouble = false;
}

/* What a segment and its index may take with one more record. */
static uint64_t
space_with(const struct segment *s, uint64_t length, uint64_t count)
{
    return length + segment_index_size(length / BLOCK_BYTES + 2, s->table.count + count);
}

/* How many of these the open segment takes in one commit. */
static uint32_t
fitting(struct segments *h, struct update *const *updates, uint32_t count)
{
    const struct segment *s = h->open;
    uint64_t length = s->length;
    uint32_t n = 0;
    while (n < count && s->count + n < h->file_events) {
        uint64_t longer = length + disk_record_size(updates[n]);
        if (space_with(s, longer, n + 1) > s->space || longer > UINT32_MAX)
            break;
        length = longer;
        n++;
    }
    return n;
}

/* In a segment of its own, with all else removed. */
static bool
can_ever_hold(const struct segments *h, const struct update *u)
{
    uint64_t record = disk_record_size(u), space = open_segment_space_for(h, record);
    return record <= UINT32_MAX - SEGMENT_HEADER && retention_can_have(h, space);
}

enum writer_readiness
writer_begin(struct writer *w, struct update *const *updates, uint32_t count, uint32_t *ret_count,
             struct error *err)
{
    struct segments *h = w->segments;
    *ret_count = 0;
    /* Before anything is left: one that asks for too much is its publisher's trouble alone. */
    if (!can_ever_hold(h, updates[0])) {
        error_set(err, "%s: an update of %zu bytes is too large for max_bytes", h->folder.path,
                  disk_record_size(updates[0]));
        return WRITER_TOO_LARGE;
    }
    pthread_mutex_lock(&h->lock);
    bool must_leave = h->open && h->open->must_leave;
    pthread_mutex_unlock(&h->lock);
    if (h->open && !must_leave && (*ret_count = fitting(h, updates, count)) > 0)
        return WRITER_READY;
    if (clock_mono_ms() < w->retry_at_ms) {
        error_set(err, "%s: the store failed a moment ago", h->folder.path);
        return WRITER_FAILED;
    }
    bool is_large = open_segment_space_for(h, disk_record_size(updates[0])) > h->file_bytes;
    if (!open_segment_begin(&w->at, disk_record_size(updates[0]), err)) {
        if (is_large)
            return WRITER_NO_ROOM;
        w->retry_at_ms = clock_mono_ms() + RETRY_MS;
        say_trouble(w, err);
        return WRITER_FAILED;
    }
    *ret_count = fitting(h, updates, count);
    ENSURE(*ret_count > 0);
    return WRITER_READY;
}

static bool
is_known(struct writer *w, const struct update *u, uint64_t hash)
{
    if (!u->id_is_chosen)
        return false;
    if (id_table_find(&w->batch_ids, hash))
        return true;
    id_table_add(&w->batch_ids, hash, 1);
    return find_may_be_held(w->segments, hash);
}

/* Positions, and the records into w->buffer. Returns their length. */
static size_t
encode(struct writer *w, struct batch *b, const struct writer_past *past, uint64_t *hashes)
{
    struct segments *h = w->segments;
    const struct writer_past now = {.time_ms = clock_wall_ms()};
    uint64_t synced = h->open->length;
    size_t len = 0;
    if (h->sync_interval_ms) {
        pthread_mutex_lock(&h->lock);
        synced = h->open->synced;
        pthread_mutex_unlock(&h->lock);
    }
    id_table_clear(&w->batch_ids);
    for (uint32_t i = 0; i < b->count; i++) {
        struct update *u = b->updates[i];
        const struct writer_past *p = past ? &past[i] : &now;
        hashes[i] = hash_keyed(&h->key, u->id);
        if (p->time_ms > w->at.last_time_ms)
            w->at.last_time_ms = p->time_ms;
        struct disk_record r = {.previous = w->at.previous_crc,
                                .synced = (uint32_t)synced,
                                .sequence = w->at.next_sequence++,
                                .time_ms = w->at.last_time_ms};
        r.flags =
            (uint8_t)((u->is_private ? DISK_RECORD_PRIVATE : 0) |
                      (u->id_is_chosen ? DISK_RECORD_ID_CHOSEN : 0) |
                      (is_known(w, u, hashes[i]) || p->id_was_known ? DISK_RECORD_ID_KNOWN : 0));
        disk_record_write(w->buffer + len, u, h->open->header.salt, &r);
        w->at.previous_crc = r.crc;
        u->position = (struct position){h->run, r.sequence};
        len += r.length;
    }
    return len;
}

/* From here on it is committed: found, read and counted. */
static void
enter(struct writer *w, const struct batch *b, const uint64_t *hashes, size_t len)
{
    struct segments *h = w->segments;
    struct segment *s = h->open;
    pthread_mutex_lock(&h->lock);
    uint64_t offset = s->length;
    int64_t now = (int64_t)clock_boot_ms();
    if (s->count == 0)
        s->first_boot_ms = now;
    for (uint32_t i = 0; i < b->count; i++) {
        segment_add_record(s, (struct block){s->count++, (uint32_t)offset}, hashes[i]);
        offset += disk_record_size(b->updates[i]);
    }
    ENSURE(offset == s->length + len);
    s->length = offset;
    if (h->sync_interval_ms == 0)
        s->synced = offset;
    s->last_time_ms = w->at.last_time_ms;
    s->last_boot_ms = now;
    h->events += b->count;
    w->at.last = b->upto;
    struct lock_note note = {w->at.last, s->header.first, s->length};
    pthread_mutex_unlock(&h->lock);
    lock_write(h->folder.lock_file, &note);
}

bool
writer_commit(struct writer *w, struct batch *b, const struct writer_past *past, struct error *err)
{
    struct segments *h = w->segments;
    size_t need = 0;
    b->bytes = 0;
    for (uint32_t i = 0; i < b->count; i++) {
        need += disk_record_size(b->updates[i]);
        b->bytes += b->updates[i]->size;
    }
    retention_make_room_for_events(h, b->count);
    uint64_t *hashes = try_alloc(b->count * sizeof *hashes);
    if (need > w->buffer_size) {
        free(w->buffer);
        w->buffer = try_alloc(need);
        w->buffer_size = w->buffer ? need : 0;
    }
    if (hashes == NULL || w->buffer == NULL) {
        free(hashes);
        return error_set(err, "no memory for a commit of %zu bytes", need);
    }
    b->after = w->at.last;
    size_t len = encode(w, b, past, hashes);
    b->upto = b->updates[b->count - 1]->position;
    bool ok = file_write_at(h->fd, SLICE_OF(w->buffer, len), h->open->length) &&
              (h->sync_interval_ms || fdatasync(h->fd) == 0);
    if (ok) {
        enter(w, b, hashes, len);
        say_over(w);
    } else {
        error_set(err, "%s: %s", h->folder.path, strerror(errno));
        w->retry_at_ms = clock_mono_ms() + RETRY_MS;
        say_trouble(w, err);
        open_segment_leave(h); /* the next one says where this one ends */
    }
    free(hashes);
    if (w->buffer_size > BUFFER_KEPT) {
        free(w->buffer);
        w->buffer = NULL;
        w->buffer_size = 0;
    }
    return ok;
}

bool
writer_seal(struct writer *w, struct error *err)
{
    return open_segment_begin(&w->at, 0, err);
}

uint64_t
writer_tick(struct writer *w)
{
    struct error err;
    const struct segments *h = w->segments;
    const struct segment *s = h->open;
    uint64_t share = h->max_age_ms / 16 + 1;
    if (s == NULL || s->count == 0)
        return share;
    int64_t age = (int64_t)clock_boot_ms() - s->first_boot_ms;
    if (age < (int64_t)share)
        return share - (uint64_t)age;
    if (!writer_seal(w, &err))
        say_trouble(w, &err);
    return share;
}

bool
writer_is_well(struct writer *w)
{
    struct error err;
    if (!w->trouble || clock_mono_ms() < w->retry_at_ms)
        return !w->trouble;
    if (writer_seal(w, &err)) {
        say_over(w);
        return true;
    }
    w->retry_at_ms = clock_mono_ms() + RETRY_MS;
    say_trouble(w, &err);
    return false;
}

struct position
writer_last(const struct writer *w)
{
    return w->at.last;
}
