/* segments - the list of what is held, and the sums over it. */

#include "transport/disk/segments.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "transport/disk/segment_name.h"

#include <stdlib.h>
#include <unistd.h>

void
segments_init(struct segments *h)
{
    folder_init(&h->folder);
    h->fd = -1;
    h->floor = (struct position){UINT64_MAX, UINT64_MAX};
    list_init(&h->held);
    pthread_mutex_init(&h->lock, NULL);
    pthread_mutex_init(&h->load_lock, NULL);
}

void
segments_fini(struct segments *h)
{
    struct list *node;
    while ((node = list_shift(&h->held)) != NULL)
        segment_free(segments_at(node));
    if (h->fd >= 0)
        close(h->fd);
    folder_fini(&h->folder);
    free(h->removed.id);
    pthread_mutex_destroy(&h->lock);
    pthread_mutex_destroy(&h->load_lock);
}

void
segments_set_removed(struct segments *h, struct position p, struct slice id)
{
    char *copy = id.ptr ? xstrndup(id.ptr, id.len) : NULL;
    free(h->removed.id);
    h->removed = (struct removed){.position = p, .id = copy, .id_len = id.len};
}

void
segments_move_removed(struct segments *h, struct position p, struct slice id)
{
    if (position_cmp(p, h->removed.position) >= 0)
        segments_set_removed(h, p, id);
}

struct segment *
segments_oldest(const struct segments *h)
{
    struct segment *s = list_is_empty(&h->held) ? NULL : segments_at(h->held.next);
    return s && !s->writing ? s : NULL;
}

void
segments_drop(struct segments *h, struct segment *s)
{
    static const char *const suffixes[] = {".log", ".idx"};
    char name[SEGMENT_NAME];
    for (size_t i = 0; i < COUNT_OF(suffixes); i++) {
        segment_name(name, s->header.first, suffixes[i]);
        unlinkat(h->folder.fd, name, 0);
    }
    list_unlink(&s->node);
    h->used -= s->space;
    if (!s->lost)
        h->events -= s->count;
    s->dropped = true;
    segment_use(s);
    segment_leave(s);
}

void
segments_lose(struct segments *h, struct list *node)
{
    for (; node != &h->held; node = node->prev) {
        struct segment *s = segments_at(node);
        if (!s->lost)
            h->events -= s->count;
        s->lost = true;
    }
}

bool
segments_is_new(const struct segments *h)
{
    bool is_one_at_most = h->held.next == h->held.prev;
    return h->events == 0 && is_one_at_most && h->removed.id == NULL;
}

struct position
segments_removed(struct segments *h)
{
    pthread_mutex_lock(&h->lock);
    struct position p = h->removed.position;
    pthread_mutex_unlock(&h->lock);
    return p;
}

void
segments_stat(struct segments *h, struct transport_stat *ret)
{
    pthread_mutex_lock(&h->lock);
    *ret = (struct transport_stat){.events = h->events, .bytes = h->used};
    LIST_EACH(node, after, &h->held)
    {
        const struct segment *s = segments_at(node);
        if (s->lost || s->count == 0)
            continue;
        ret->oldest_ms = s->header.created_ms;
        if (s->first_boot_ms) /* of this run: exact */
            ret->oldest_ms =
                clock_wall_ms() - (uint64_t)((int64_t)clock_boot_ms() - s->first_boot_ms);
        break;
    }
    pthread_mutex_unlock(&h->lock);
}
