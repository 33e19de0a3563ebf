/* judge - what is known of a segment that was found at the start: its index, read or made again;
 * and what is to be thought of it where its bytes do not come, or do not check.
 *
 * What one gets wrong: a read that fails says nothing of what lies on the disk. So the file is read
 * once more, as a whole. Where it is well, nothing has happened; where it cannot be read, nothing
 * is known yet, and who asked comes back later; only bytes that came and do not check are damage, a
 * file that is gone, or one that could not be read for a good while. */

#include "base/clock.h"
#include "base/log.h"
#include "transport/log/file.h"
#include "transport/log/store_parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    PATIENCE_MS = 60000, /* with a file that cannot be read */
    LOOKS = 2,           /* at one that does not check, before it is left for later */
};

/* --- what lies there ----------------------------------------------------------------------------
 */

enum look {
    LOOK_WHOLE,
    LOOK_DAMAGED,
    LOOK_UNREADABLE, /* errno tells */
};

static enum look
look_through(struct store *st, const struct segment *s, uint64_t length,
             void (*each)(void *, const struct log_record *, struct block), void *context,
             struct segment_scan *ret)
{
    char name[SEGMENT_NAME], *bytes;
    size_t len;
    *ret = (struct segment_scan){.damaged = false};
    segment_name(name, s->header.first, ".log");
    if (!file_read_whole(st->folder, name, length, &bytes, &len))
        return LOOK_UNREADABLE;
    segment_scan(SLICE_OF(bytes, len), &s->header, length, each, context, ret);
    free(bytes);
    return ret->damaged ? LOOK_DAMAGED : LOOK_WHOLE;
}

/* May it be read another time? The lock is held. */
static bool
may_pass(struct segment *s, int error)
{
    uint64_t now = clock_mono_ms();
    if (s->patience_ends_ms == 0)
        s->patience_ends_ms = now + PATIENCE_MS;
    bool is_ours = error == EMFILE || error == ENFILE || error == ENOMEM;
    return error != ENOENT && (is_ours || now < s->patience_ends_ms);
}

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

/* Replay begins behind its damage, or behind all of it that was there to be read (`behind`). The
 * one being written goes on behind the damage. The lock is held. */
static void
give_up(struct store *st, struct segment *s, const struct segment_scan *scan, struct block behind)
{
    bool found = scan->damaged && scan->valid.index < scan->count;
    bool any = found || s->writing || s->count > behind.index;
    struct position removed = store_segment_last(s);
    if (any) {
        s->damaged = true;
        s->valid = found ? scan->valid : behind;
        removed =
            (struct position){s->header.first.run, s->header.first.sequence + s->valid.index - 1};
    }
    store_move_removed(st, removed, SLICE_OF(NULL, 0));
    s->must_leave = s->writing;
    store_lose(st, any ? s->node.prev : &s->node);
}

static void
say_damaged(const char *name, const char *what)
{
    log_line(
        LOG_ERROR, "history_damaged",
        "file=%s found=\"%s\" msg=\"replay begins behind it; alipes history check tells more\"",
        name, what);
}

static void
say_unreadable(const char *name, int why)
{
    static struct log_limit limit;
    uint64_t more;
    if (log_allowed(&limit, &more))
        log_line(LOG_ERROR, "history_unreadable",
                 "file=%s suppressed=%llu error=%s msg=\"who wants it is asked to come back\"",
                 name, (unsigned long long)more, LOG_SLICE(slice_of(strerror(why))));
}

enum judgement
store_judge(struct store *st, struct segment *s, const char *what)
{
    char name[SEGMENT_NAME];
    struct segment_scan scan;
    segment_name(name, s->header.first, ".log");
    pthread_mutex_lock(&st->lock);
    struct block behind = {s->count, (uint32_t)s->length};
    bool gone = s->dropped || s->lost;
    pthread_mutex_unlock(&st->lock);
    if (gone)
        return JUDGED_LOST;
    enum look look = look_through(st, s, behind.offset, NULL, NULL, &scan);
    int why = errno;
    pthread_mutex_lock(&st->lock);
    gone = s->dropped || s->lost;
    if (look == LOOK_WHOLE)
        s->patience_ends_ms = 0;
    bool waits = look == LOOK_UNREADABLE && may_pass(s, why);
    if (!gone && look != LOOK_WHOLE && !waits)
        give_up(st, s, &scan, behind);
    pthread_mutex_unlock(&st->lock);
    if (gone)
        return JUDGED_LOST;
    if (look == LOOK_WHOLE)
        return JUDGED_WELL;
    if (waits)
        say_unreadable(name, why);
    else
        say_damaged(name, look == LOOK_UNREADABLE ? strerror(why) : what);
    return waits ? JUDGED_NOT_NOW : JUDGED_LOST;
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

/* Damage counts once it was judged: what one look alone saw is not taken over. */
static bool
take_over(struct store *st, struct segment *s, struct segment *gathered,
          const struct segment_scan *scan)
{
    pthread_mutex_lock(&st->lock);
    bool agrees = !scan->damaged || (s->damaged && s->valid.offset == scan->valid.offset);
    if (agrees) {
        s->blocks = gathered->blocks;
        s->block_count = gathered->block_count;
        s->block_cap = gathered->block_cap;
        s->last_offset = gathered->last_offset;
        s->table = gathered->table;
        s->ready = true;
        gathered->blocks = NULL;
        gathered->table = (struct id_table){0};
    }
    pthread_mutex_unlock(&st->lock);
    return agrees;
}

static bool
rebuild_index(struct store *st, struct segment *s)
{
    struct segment_scan scan;
    for (int looks = 0; looks < LOOKS; looks++) {
        struct segment *gathered = store_segment_new(&s->header);
        enum look look = look_through(st, s, s->length, on_record, gathered, &scan);
        bool ready = look != LOOK_UNREADABLE && take_over(st, s, gathered, &scan);
        store_segment_free(gathered);
        if (ready)
            return true;
        if (store_judge(st, s, "records that do not check") == JUDGED_NOT_NOW)
            break;
    }
    return false;
}

void
store_forget_index(struct store *st, struct segment *s)
{
    pthread_mutex_lock(&st->lock);
    if (s->indexed) {
        free(s->blocks);
        id_filter_free(&s->filter);
        s->blocks = NULL;
        s->block_count = s->block_cap = 0;
        s->indexed = s->ready = false;
    }
    pthread_mutex_unlock(&st->lock);
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
