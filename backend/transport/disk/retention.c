/* retention - what is removed, and the room that it makes.
 *
 * What one gets wrong: room is made before a file is, and counts whole (its index included) until
 * the segment is sealed and cut; and `removed` moves before the file goes, but not for what nobody
 * was shown: else whoever has the newest cursor of a quiet site, where the same pages stay, would
 * count as overtaken. And how old a file of an
 * earlier run is, the wall clock alone can say, which may be wrong when a machine has just begun:
 * nothing is removed by it until it had time to be set. */

#include "transport/disk/retention.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "transport/disk/disk_record.h"
#include "transport/disk/file.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    CLOCK_SETTLES_MS = 3600 * 1000, /* or max_age, where that is less */
    FREE_FILES = 4, /* so many before the room ends it is wanted: what is large may take one whole
                       before what is to be carried has come into it */
};

char *
retention_last_id(const struct segments *h, const struct segment *s, size_t *ret_len)
{
    char *bytes = NULL, *id = NULL;
    struct disk_record r;
    if (s->node.next != &h->held) {
        const struct segment_header *next = &segments_at(s->node.next)->header;
        if (next->before_id.ptr && position_cmp(next->before, segment_last(s)) == 0) {
            *ret_len = next->before_id.len;
            return xstrndup(next->before_id.ptr, next->before_id.len);
        }
    }
    if (s->last_id) {
        *ret_len = s->last_id_len;
        return xstrndup(s->last_id, s->last_id_len);
    }
    if (s->last_offset == 0 && s->ready && s->header.before_id.ptr) { /* hidden ones alone */
        *ret_len = s->header.before_id.len;
        return xstrndup(s->header.before_id.ptr, s->header.before_id.len);
    }
    if (s->last_offset == 0 || s->length <= s->last_offset)
        return NULL;
    int fd = segment_open_file(s, &h->folder, ".log", O_RDONLY);
    if (fd < 0)
        return NULL;
    size_t len = (size_t)(s->length - s->last_offset);
    if ((bytes = try_alloc(len)) != NULL &&
        file_read_at(fd, bytes, len, s->last_offset) == (ssize_t)len &&
        disk_record_read(SLICE_OF(bytes, len), s->header.salt, &r) == DISK_RECORD_OK &&
        !(r.flags & DISK_RECORD_ID_KNOWN)) {
        id = xstrndup(r.id.ptr, r.id.len);
        *ret_len = r.id.len;
    }
    close(fd);
    free(bytes);
    return id;
}

/* A lost one too: what it holds may be all that is known of somebody who is there. */
static bool
is_below_floor(const struct segments *h, const struct segment *s)
{
    struct position last = s->span ? segment_last(s) : s->header.first;
    return position_cmp(last, h->floor) < 0;
}

static bool
remove_oldest(struct segments *h)
{
    size_t id_len = 0;
    struct segment *s = segments_oldest(h);
    if (s == NULL || !is_below_floor(h, s))
        return false;
    struct position shown;
    if (!s->lost && s->count)
        h->dropped = segment_last(s);
    if (!s->lost && segment_last_shown(s, &shown)) {
        char *id = retention_last_id(h, s, &id_len);
        segments_move_removed(h, shown, SLICE_OF(id, id_len));
        free(id);
    }
    segments_drop(h, s);
    return true;
}

/* What is no segment of the usual size may take half of all: else one update could push everything
 * out. */
bool
retention_can_have(const struct segments *h, uint64_t bytes)
{
    return bytes <= h->file_bytes || bytes <= h->max_bytes / 2;
}

bool
retention_make_room(struct segments *h, uint64_t bytes)
{
    if (!retention_can_have(h, bytes))
        return false;
    pthread_mutex_lock(&h->lock);
    while (h->used + bytes > h->max_bytes && remove_oldest(h))
        ;
    bool fits = h->used + bytes <= h->max_bytes;
    if (fits)
        h->used += bytes;
    pthread_mutex_unlock(&h->lock);
    return fits;
}

void
retention_give_room(struct segments *h, uint64_t bytes)
{
    pthread_mutex_lock(&h->lock);
    h->used -= bytes;
    pthread_mutex_unlock(&h->lock);
}

void
retention_make_room_for_events(struct segments *h, uint32_t count)
{
    pthread_mutex_lock(&h->lock);
    while (h->events + count > h->max_events && remove_oldest(h))
        ;
    pthread_mutex_unlock(&h->lock);
}

/* --- ages ---------------------------------------------------------------------------------------
 */

void
retention_begin_ages(struct segments *h)
{
    uint64_t wait = h->max_age_ms;
    if (wait > CLOCK_SETTLES_MS)
        wait = CLOCK_SETTLES_MS;
    h->ages_from_ms = (int64_t)(clock_boot_ms() + wait);
}

/* Once for all of earlier runs; from then on CLOCK_BOOTTIME goes on, which nobody sets. */
static void
take_ages(struct segments *h, int64_t boot)
{
    uint64_t now = clock_wall_ms();
    LIST_EACH(node, after, &h->held)
    {
        struct segment *s = segments_at(node);
        if (s->first_boot_ms == 0)
            s->last_boot_ms = boot - (now > s->last_time_ms ? (int64_t)(now - s->last_time_ms) : 0);
    }
    h->ages_from_ms = 0;
}

static bool
is_old(const struct segments *h, const struct segment *s, int64_t boot)
{
    bool has_age = s->first_boot_ms || h->ages_from_ms == 0;
    return has_age && boot - s->last_boot_ms > (int64_t)h->max_age_ms;
}

void
retention_remove_old(struct segments *h)
{
    pthread_mutex_lock(&h->lock);
    int64_t boot = (int64_t)clock_boot_ms();
    struct segment *s;
    if (h->ages_from_ms && boot >= h->ages_from_ms)
        take_ages(h, boot);
    while ((s = segments_oldest(h)) != NULL && (is_old(h, s, boot) || h->events > h->max_events) &&
           remove_oldest(h))
        ;
    pthread_mutex_unlock(&h->lock);
}

/* --- the floor ----------------------------------------------------------------------------------
 */

void
retention_set_floor(struct segments *h, struct position floor)
{
    pthread_mutex_lock(&h->lock);
    h->floor = floor;
    pthread_mutex_unlock(&h->lock);
}

bool
retention_wants(struct segments *h, struct position *ret_upto)
{
    pthread_mutex_lock(&h->lock);
    *ret_upto = h->removed.position;
    int64_t boot = (int64_t)clock_boot_ms();
    uint64_t used = h->used + (FREE_FILES - (h->prepared ? 1 : 0)) * h->file_bytes;
    LIST_EACH(node, next, &h->held)
    {
        const struct segment *s = segments_at(node);
        if (s->writing || (used <= h->max_bytes && !is_old(h, s, boot)))
            break;
        *ret_upto = s->span ? segment_last(s) : s->header.first;
        used -= s->space;
    }
    bool is_held_up = position_cmp(h->floor, *ret_upto) <= 0;
    pthread_mutex_unlock(&h->lock);
    return is_held_up;
}
