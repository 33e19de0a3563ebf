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
    SPAN_MAX =
        INT32_MAX,  /* sequences of a segment before it is left: they are counted in 32 bits */
    RETRY_MS = 100, /* after a failure no new segment is tried for so long */
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
fitting(struct segments *h, struct update *const *updates, uint32_t count, uint64_t sequence)
{
    const struct segment *s = h->open;
    if (sequence - s->header.first.sequence > SPAN_MAX)
        return 0;
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

static bool
begin_segment(struct writer *w, size_t record_bytes, struct error *err)
{
    bool ok = open_segment_begin(&w->at, record_bytes, err);
    w->must_cut &= !ok;
    return ok;
}

/* In a segment of its own, with all else removed. */
static bool
can_ever_hold(const struct segments *h, const struct update *u)
{
    uint64_t record = disk_record_size(u), space = open_segment_space_for(h, record);
    return record <= UINT32_MAX - SEGMENT_HEADER && retention_can_have(h, space);
}

enum writer_readiness
writer_begin(struct writer *w, struct update *const *updates, uint32_t count, uint64_t *sequence,
             uint32_t *ret_count, struct error *err)
{
    struct segments *h = w->segments;
    *ret_count = 0;
    if (*sequence < w->at.next_sequence)
        *sequence = w->at.next_sequence;
    /* Before anything is left: one that asks for too much is its publisher's trouble alone. */
    if (!can_ever_hold(h, updates[0])) {
        error_set(err, "%s: an update of %zu bytes is too large for max_bytes", h->folder.path,
                  disk_record_size(updates[0]));
        return WRITER_TOO_LARGE;
    }
    pthread_mutex_lock(&h->lock);
    bool must_leave = h->open && h->open->must_leave;
    pthread_mutex_unlock(&h->lock);
    if (h->open && !must_leave && (*ret_count = fitting(h, updates, count, *sequence)) > 0)
        return WRITER_READY;
    if (clock_mono_ms() < w->retry_at_ms) {
        error_set(err, "%s: the store failed a moment ago", h->folder.path);
        return WRITER_FAILED;
    }
    w->at.next_sequence = *sequence; /* the next segment's name */
    bool is_large = open_segment_space_for(h, disk_record_size(updates[0])) > h->file_bytes;
    if (!begin_segment(w, disk_record_size(updates[0]), err)) {
        if (is_large)
            return WRITER_NO_ROOM;
        w->retry_at_ms = clock_mono_ms() + RETRY_MS;
        say_trouble(w, err);
        return WRITER_FAILED;
    }
    *sequence = w->at.next_sequence;
    *ret_count = fitting(h, updates, count, *sequence);
    ENSURE(*ret_count > 0);
    return WRITER_READY;
}

void
writer_number(const struct writer *w, struct update *const *updates, uint32_t count,
              uint64_t sequence)
{
    for (uint32_t i = 0; i < count; i++)
        updates[i]->position = (struct position){w->segments->run, sequence + i};
}

/* --- commits ------------------------------------------------------------------------------------
 */

static bool
is_synced(const struct segments *h, const struct writing *c)
{
    return h->sync_interval_ms == 0 || c->is_hidden;
}

static bool
is_known(struct writer *w, const struct update *u, uint64_t hash)
{
    if (!u->id_is_chosen)
        return false;
    if (id_table_find(&w->batch_ids, hash))
        return true;
    id_table_add(&w->batch_ids, hash, 1);
    return find_may_be_held(w->segments, hash) ||
           (w->beside && find_may_be_held(w->beside, hash_keyed(&w->beside->key, u->id)));
}

static struct disk_record
describe(struct writer *w, const struct writing *c, uint32_t i, uint64_t now_ms)
{
    const struct update *u = c->updates[i];
    uint64_t time_ms = c->past ? c->past[i].time_ms : now_ms;
    bool known = is_known(w, u, c->hashes[i]) || (c->past && c->past[i].id_was_known);
    if (time_ms > w->at.last_time_ms)
        w->at.last_time_ms = time_ms;
    ENSURE(u->position.run == w->segments->run);
    ENSURE(u->position.sequence >= w->at.next_sequence);
    w->at.next_sequence = u->position.sequence + 1;
    return (struct disk_record){
        .previous = w->at.previous_crc,
        .sequence = u->position.sequence,
        .time_ms = w->at.last_time_ms,
        .flags = (uint8_t)((u->is_private ? DISK_RECORD_PRIVATE : 0) |
                           (u->id_is_chosen ? DISK_RECORD_ID_CHOSEN : 0) |
                           (known ? DISK_RECORD_ID_KNOWN : 0)),
        .kind = c->is_hidden ? c->hidden : (enum disk_record_kind)u->kind,
        .dialect = u->kind == UPDATE_PUBLISHED ? 0 : u->dialect,
    };
}

/* The records, into w->buffer. */
static void
encode(struct writer *w, struct writing *c)
{
    struct segments *h = w->segments;
    uint64_t synced = h->open->length, now = clock_wall_ms();
    if (h->sync_interval_ms) {
        pthread_mutex_lock(&h->lock);
        synced = h->open->synced;
        pthread_mutex_unlock(&h->lock);
    }
    id_table_clear(&w->batch_ids);
    for (uint32_t i = 0; i < c->count; i++) {
        c->hashes[i] = hash_keyed(&h->key, c->updates[i]->id);
        struct disk_record r = describe(w, c, i, now);
        r.synced = (uint32_t)synced;
        disk_record_write(w->buffer + c->len, c->updates[i], h->open->header.salt, &r);
        w->at.previous_crc = r.crc;
        c->len += r.length;
    }
}

/* From here on it is committed: found, read and counted. */
static void
enter(struct writer *w, const struct writing *c)
{
    struct segments *h = w->segments;
    struct segment *s = h->open;
    pthread_mutex_lock(&h->lock);
    uint64_t offset = s->length;
    int64_t now = (int64_t)clock_boot_ms();
    if (s->count == 0)
        s->first_boot_ms = now;
    for (uint32_t i = 0; i < c->count; i++) {
        const struct update *u = c->updates[i];
        segment_add_record(s, (struct block){s->span, (uint32_t)offset},
                           c->is_hidden ? NULL : &c->hashes[i]);
        s->span = (uint32_t)(u->position.sequence - s->header.first.sequence + 1);
        if (!c->is_hidden)
            s->shown_span = s->span;
        offset += disk_record_size(u);
    }
    ENSURE(offset == s->length + c->len);
    s->count += c->count;
    s->length = offset;
    if (is_synced(h, c))
        s->synced = offset;
    s->last_time_ms = w->at.last_time_ms;
    s->last_boot_ms = now;
    h->events += c->count;
    w->at.last = segment_last(s);
    struct lock_note note = {w->at.last, s->header.first, s->length};
    pthread_mutex_unlock(&h->lock);
    lock_write(h->folder.lock_file, &note);
}

static void
leave_after_failure(struct writer *w, const struct error *err)
{
    w->retry_at_ms = clock_mono_ms() + RETRY_MS;
    w->must_cut = true;
    say_trouble(w, err);
    open_segment_leave(w->segments); /* the next one says where this one ends */
}

/* Room in memory: w->buffer and c->hashes. */
static bool
make_buffers(struct writer *w, struct writing *c, struct error *err)
{
    size_t need = 0;
    for (uint32_t i = 0; i < c->count; i++)
        need += disk_record_size(c->updates[i]);
    c->hashes = try_alloc(c->count * sizeof *c->hashes);
    if (need > w->buffer_size) {
        free(w->buffer);
        w->buffer = try_alloc(need);
        w->buffer_size = w->buffer ? need : 0;
    }
    return (c->hashes && w->buffer) || error_set(err, "no memory for a commit of %zu bytes", need);
}

static void
give_buffers(struct writer *w, struct writing *c)
{
    free(c->hashes);
    if (w->buffer_size <= BUFFER_KEPT)
        return;
    free(w->buffer);
    w->buffer = NULL;
    w->buffer_size = 0;
}

static bool
write_out(struct writer *w, const struct writing *what, struct error *err)
{
    struct segments *h = w->segments;
    struct writing *c = &w->written;
    *c = *what;
    retention_make_room_for_events(h, c->count);
    bool ok = make_buffers(w, c, err);
    if (ok) {
        encode(w, c);
        ok = file_write_at(h->fd, SLICE_OF(w->buffer, c->len), h->open->length) &&
             (!is_synced(h, c) || fdatasync(h->fd) == 0);
        if (!ok) {
            error_set(err, "%s: %s", h->folder.path, strerror(errno));
            leave_after_failure(w, err);
        }
    }
    if (!ok)
        give_buffers(w, c);
    return ok;
}

bool
writer_write(struct writer *w, struct update *const *updates, uint32_t count, struct error *err)
{
    return write_out(w, &(struct writing){.updates = updates, .count = count}, err);
}

void
writer_enter(struct writer *w)
{
    enter(w, &w->written);
    say_over(w);
    give_buffers(w, &w->written);
}

void
writer_withdraw(struct writer *w)
{
    give_buffers(w, &w->written);
    w->trouble = w->must_cut = true;
    open_segment_leave(w->segments);
}

/* To be tried again, at most every RETRY_MS. */
static bool
seal_now(struct writer *w)
{
    struct error err;
    if (clock_mono_ms() < w->retry_at_ms)
        return false;
    if (writer_seal(w, &err))
        return true;
    w->retry_at_ms = clock_mono_ms() + RETRY_MS;
    say_trouble(w, &err);
    return false;
}

bool
writer_settle(struct writer *w)
{
    return !w->must_cut || seal_now(w);
}

static bool
commit(struct writer *w, const struct writing *what, struct error *err)
{
    bool ok = write_out(w, what, err);
    if (ok)
        writer_enter(w);
    return ok;
}

bool
writer_commit(struct writer *w, struct update *const *updates, uint32_t count,
              const struct writer_past *past, struct error *err)
{
    return commit(w, &(struct writing){.updates = updates, .count = count, .past = past}, err);
}

bool
writer_carry(struct writer *w, struct update *const *updates, uint32_t count, struct error *err)
{
    return commit(
        w,
        &(struct writing){
            .updates = updates, .count = count, .is_hidden = true, .hidden = DISK_RECORD_CARRIED},
        err);
}

bool
writer_stop(struct writer *w, uint64_t sequence, struct error *err)
{
    const struct update_formatted nothing = {.topic_count = 0};
    struct update *u = update_restore(&nothing);
    uint32_t fits;
    bool ok = u ? writer_begin(w, &u, 1, &sequence, &fits, err) == WRITER_READY
                : error_set(err, "no memory");
    if (ok) {
        writer_number(w, &u, 1, sequence);
        ok = commit(w,
                    &(struct writing){
                        .updates = &u, .count = 1, .is_hidden = true, .hidden = DISK_RECORD_STOP},
                    err);
    }
    update_unref(&u);
    return ok;
}

bool
writer_seal(struct writer *w, struct error *err)
{
    return begin_segment(w, 0, err);
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
    if (w->trouble && seal_now(w))
        say_over(w);
    return !w->trouble;
}

struct position
writer_last(const struct writer *w)
{
    return w->at.last;
}
