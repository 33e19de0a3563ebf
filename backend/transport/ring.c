/* ring - batches in the order of their positions.
 *
 * It is an array, so what follows a position is found by halving, and ids have a table beside it:
 * neither a look-up nor a read costs more the more is held. */

#include "transport/ring.h"

#include "base/alloc.h"
#include "base/clock.h"

#include <stdlib.h>

enum {
    FIRST_CAP = 64,
    SMALL_UPDATE = 192, /* bytes in the ring of one that has little data */
};

/* One batch, with the ids of its updates. */
struct held {
    struct batch *batch;
    uint64_t held_ms; /* wall clock */
    uint64_t mono_ms;
    struct held_id ids[];
};

void
ring_init(struct ring *r, size_t max_bytes, uint64_t max_age_ms, struct position begin)
{
    *r = (struct ring){.max_bytes = max_bytes, .max_age_ms = max_age_ms, .removed = begin};
    held_ids_init(&r->ids, max_bytes / SMALL_UPDATE);
}

static struct held *
held_at(const struct ring *r, uint32_t number)
{
    return r->places[(r->begin + number) & (r->cap - 1)];
}

/* What a batch takes here, with what is kept for its sake. */
static size_t
size_of(const struct batch *b)
{
    return b->bytes + sizeof *b + sizeof(struct held) +
           b->count * (sizeof(struct update *) + sizeof(struct held_id));
}

static void
remove_oldest(struct ring *r)
{
    struct held *h = held_at(r, 0);
    struct slice id = h->batch->updates[h->batch->count - 1]->id;
    r->begin++;
    r->count--;
    r->removed = h->batch->upto;
    free(r->removed_id);
    r->removed_id = xstrndup(id.ptr, id.len);
    r->removed_id_len = id.len;
    r->bytes -= size_of(h->batch);
    r->events -= h->batch->count;
    for (uint32_t i = 0; i < h->batch->count; i++)
        held_ids_drop(&r->ids, &h->ids[i]);
    batch_unref(&h->batch);
    free(h);
}

void
ring_fini(struct ring *r)
{
    while (r->count)
        remove_oldest(r);
    free(r->places);
    held_ids_fini(&r->ids);
    free(r->removed_id);
}

static void
grow(struct ring *r)
{
    uint32_t cap = r->cap ? r->cap * 2 : FIRST_CAP;
    struct held **places = xalloc(cap * sizeof(struct held *));
    for (uint32_t i = 0; i < r->count; i++)
        places[i] = held_at(r, i);
    free(r->places);
    r->places = places;
    r->begin = 0;
    r->cap = cap;
}

void
ring_hold(struct ring *r, struct batch *b)
{
    struct held *h = xalloc(sizeof *h + b->count * sizeof h->ids[0]);
    h->batch = batch_ref(b);
    h->held_ms = clock_wall_ms();
    h->mono_ms = r->max_age_ms ? clock_mono_ms() : 0;
    for (uint32_t i = 0; i < b->count; i++)
        held_ids_add(&r->ids, &h->ids[i], b->updates[i]);
    if (r->count == r->cap)
        grow(r);
    r->places[(r->begin + r->count++) & (r->cap - 1)] = h;
    r->bytes += size_of(b);
    r->events += b->count;
    while (r->bytes > r->max_bytes && r->count > 1)
        remove_oldest(r);
}

void
ring_forget_old(struct ring *r)
{
    uint64_t now = clock_mono_ms();
    while (r->max_age_ms && r->count && now - held_at(r, 0)->mono_ms > r->max_age_ms)
        remove_oldest(r);
}

bool
ring_find(const struct ring *r, struct slice id, struct position *ret)
{
    bool is_removed = r->removed_id && slice_eq(id, SLICE_OF(r->removed_id, r->removed_id_len));
    const struct update *u = is_removed ? NULL : held_ids_find(&r->ids, id);
    if (is_removed)
        *ret = r->removed;
    else if (u)
        *ret = u->position;
    return is_removed || u;
}

struct batch *
ring_after(const struct ring *r, struct position p)
{
    uint32_t low = 0, high = r->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (position_cmp(held_at(r, middle)->batch->upto, p) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < r->count ? held_at(r, low)->batch : NULL;
}

uint64_t
ring_oldest_ms(const struct ring *r)
{
    return r->count ? held_at(r, 0)->held_ms : 0;
}
