/* damage - is it the bytes that are wrong, or was it the reading?
 *
 * What one gets wrong: a read that fails says nothing of what lies on the disk. So the file is read
 * once more, as a whole. Where it is well, nothing has happened; where it cannot be read, nothing
 * is known yet, and who asked comes back later; only bytes that came and do not check are damage, a
 * file that is gone, or one that could not be read for a good while. */

#include "transport/disk/damage.h"

#include "base/clock.h"
#include "base/log.h"
#include "transport/disk/segment_name.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    PATIENCE_MS = 60000 /* with a file that cannot be read */
};

enum damage_look
damage_look_through(const struct segments *h, const struct segment *s, uint64_t length,
                    void (*each)(void *, const struct disk_record *, struct block), void *context,
                    struct segment_scan *ret)
{
    char *bytes;
    size_t len;
    *ret = (struct segment_scan){.damaged = false};
    if (!segment_read_file(s, &h->folder, ".log", length, &bytes, &len))
        return DAMAGE_UNREADABLE;
    segment_scan(SLICE_OF(bytes, len), &s->header, length, each, context, ret);
    free(bytes);
    return ret->damaged ? DAMAGE_FOUND : DAMAGE_NONE;
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

/* Replay begins behind its damage, or behind all of it that was there to be read (`behind`). The
 * one being written goes on behind the damage. The lock is held. */
static void
give_up(struct segments *h, struct segment *s, const struct segment_scan *scan, struct block behind)
{
    bool found = scan->damaged && scan->valid.index < scan->span;
    bool any = found || s->writing || s->span > behind.index;
    struct position removed = segment_last(s);
    if (any) {
        s->damaged = true;
        s->valid = found ? scan->valid : behind;
        removed = segment_before_valid(s);
    }
    segments_move_removed(h, removed, SLICE_OF(NULL, 0));
    s->must_leave = s->writing;
    segments_lose(h, any ? s->node.prev : &s->node);
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

enum damage_judgement
damage_judge(struct segments *h, struct segment *s, const char *what)
{
    char name[SEGMENT_NAME];
    struct segment_scan scan;
    segment_name(name, s->header.first, ".log");
    pthread_mutex_lock(&h->lock);
    struct block behind = {s->span, (uint32_t)s->length};
    bool gone = s->dropped || s->lost;
    pthread_mutex_unlock(&h->lock);
    if (gone)
        return DAMAGE_IS_LOST;
    enum damage_look look = damage_look_through(h, s, behind.offset, NULL, NULL, &scan);
    int why = errno;
    pthread_mutex_lock(&h->lock);
    gone = s->dropped || s->lost;
    if (look == DAMAGE_NONE)
        s->patience_ends_ms = 0;
    bool waits = look == DAMAGE_UNREADABLE && may_pass(s, why);
    if (!gone && look != DAMAGE_NONE && !waits)
        give_up(h, s, &scan, behind);
    pthread_mutex_unlock(&h->lock);
    if (gone)
        return DAMAGE_IS_LOST;
    if (look == DAMAGE_NONE)
        return DAMAGE_IS_WELL;
    if (waits)
        say_unreadable(name, why);
    else
        say_damaged(name, look == DAMAGE_UNREADABLE ? strerror(why) : what);
    return waits ? DAMAGE_NOT_NOW : DAMAGE_IS_LOST;
}
