/* room - what is removed, and the room that it makes.
 *
 * What one gets wrong: room is made before a file is, and counts whole (its index included) until
 * the segment is sealed and cut; and `removed` moves before the file goes. And how old a file of an
 * earlier run is, the wall clock alone can say, which may be wrong when a machine has just begun:
 * nothing is removed by it until it had time to be set. */

#include "transport/log/store_parts.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "transport/log/file.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    CLOCK_SETTLES_MS = 3600 * 1000, /* or max_age, where that is less */
};

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

char *
store_last_id(struct store *st, const struct segment *s, size_t *ret_len)
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

struct segment *
store_oldest(struct store *st)
{
    struct list *node = st->segments.next;
    struct segment *s = node == &st->segments ? NULL : CONTAINER_OF(node, struct segment, node);
    return s && !s->writing ? s : NULL;
}

void
store_drop(struct store *st, struct segment *s)
{
    static const char *const suffixes[] = {".log", ".idx"};
    char name[SEGMENT_NAME];
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
}

bool
store_remove_oldest(struct store *st)
{
    size_t id_len = 0;
    struct segment *s = store_oldest(st);
    if (s == NULL)
        return false;
    if (!s->lost && s->count) {
        char *id = store_last_id(st, s, &id_len);
        store_move_removed(st, store_segment_last(s), SLICE_OF(id, id_len));
        free(id);
    }
    store_drop(st, s);
    return true;
}

/* What is no segment of the usual size may take half of all: else one update could push everything
 * out. */
bool
store_can_have(const struct store *st, uint64_t bytes)
{
    return bytes <= st->segment_bytes || bytes <= st->settings.max_bytes / 2;
}

bool
store_make_room(struct store *st, uint64_t bytes)
{
    if (!store_can_have(st, bytes))
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

void
store_give_room(struct store *st, uint64_t bytes)
{
    pthread_mutex_lock(&st->lock);
    st->used -= bytes;
    pthread_mutex_unlock(&st->lock);
}

void
store_make_room_for_events(struct store *st, uint32_t count)
{
    pthread_mutex_lock(&st->lock);
    while (st->events + count > st->settings.max_events && store_remove_oldest(st))
        ;
    pthread_mutex_unlock(&st->lock);
}

/* --- ages ---------------------------------------------------------------------------------------
 */

void
store_begin_ages(struct store *st)
{
    uint64_t wait = st->settings.max_age_ms;
    if (wait > CLOCK_SETTLES_MS)
        wait = CLOCK_SETTLES_MS;
    st->ages_from_ms = (int64_t)(clock_boot_ms() + wait);
}

/* Once for all of earlier runs; from then on CLOCK_BOOTTIME goes on, which nobody sets. */
static void
take_ages(struct store *st, int64_t boot)
{
    uint64_t now = clock_wall_ms();
    LIST_EACH(node, after, &st->segments)
    {
        struct segment *s = CONTAINER_OF(node, struct segment, node);
        if (s->first_boot_ms == 0)
            s->last_boot_ms = boot - (now > s->last_time_ms ? (int64_t)(now - s->last_time_ms) : 0);
    }
    st->ages_from_ms = 0;
}

static bool
is_old(const struct store *st, const struct segment *s, int64_t boot)
{
    bool has_age = s->first_boot_ms || st->ages_from_ms == 0;
    return has_age && boot - s->last_boot_ms > (int64_t)st->settings.max_age_ms;
}

void
store_remove_old(struct store *st)
{
    pthread_mutex_lock(&st->lock);
    int64_t boot = (int64_t)clock_boot_ms();
    struct segment *s;
    if (st->ages_from_ms && boot >= st->ages_from_ms)
        take_ages(st, boot);
    while ((s = store_oldest(st)) != NULL &&
           (is_old(st, s, boot) || st->events > st->settings.max_events))
        store_remove_oldest(st);
    pthread_mutex_unlock(&st->lock);
}
