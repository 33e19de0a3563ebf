/* spare - a ring of batches, searched by position and by id.
 *
 * What it has is the end of the order as this hub has shown it, whatever has become of the store
 * since; but what retention has taken there is not given here either. */

#include "transport/redis/spare.h"

#include "base/alloc.h"

#include <stdlib.h>
#include <string.h>

enum {
    FIRST_CAP = 64,
    SMALL_UPDATE = 256, /* bytes of one that has little data, with what is kept for its sake */
};

/* One batch; `origins` stand behind `ids`. */
struct spared {
    struct batch *batch;
    struct origin *origins;
    struct held_id ids[];
};

void
spare_init(struct spare *s, size_t max_bytes)
{
    *s = (struct spare){.max_bytes = max_bytes};
    held_ids_init(&s->ids, max_bytes / SMALL_UPDATE);
}

static struct spared *
spared_at(const struct spare *s, uint32_t number)
{
    return s->places[(s->first + number) & (s->cap - 1)];
}

static size_t
size_of(const struct batch *b)
{
    return b->bytes + sizeof *b + sizeof(struct spared) +
           b->count * (sizeof(struct update *) + sizeof(struct held_id) + sizeof(struct origin));
}

static void
drop_first(struct spare *s)
{
    struct spared *one = spared_at(s, 0);
    for (uint32_t i = 0; i < one->batch->count; i++)
        held_ids_drop(&s->ids, &one->ids[i]);
    s->bytes -= size_of(one->batch);
    s->begin = one->batch->upto;
    batch_unref(&one->batch);
    free(one);
    s->first++;
    s->count--;
}

void
spare_fini(struct spare *s)
{
    while (s->count)
        drop_first(s);
    held_ids_fini(&s->ids);
    free(s->places);
    *s = (struct spare){0};
}

void
spare_restart(struct spare *s, struct position at)
{
    while (s->count)
        drop_first(s);
    s->begin = s->end = at;
}

void
spare_forget(struct spare *s, struct position removed)
{
    if (position_cmp(removed, s->end) > 0)
        removed = s->end;
    while (s->count && position_cmp(spared_at(s, 0)->batch->upto, removed) <= 0)
        drop_first(s);
    if (position_cmp(removed, s->begin) > 0)
        s->begin = removed;
}

static void
grow(struct spare *s)
{
    uint32_t cap = s->cap ? s->cap * 2 : FIRST_CAP;
    struct spared **places = xalloc(cap * sizeof(struct spared *));
    for (uint32_t i = 0; i < s->count; i++)
        places[i] = spared_at(s, i);
    free(s->places);
    s->places = places;
    s->first = 0;
    s->cap = cap;
}

void
spare_add(struct spare *s, struct batch *b, const struct origin *origins)
{
    size_t one = sizeof(struct held_id) + sizeof(struct origin);
    struct spared *fresh = xalloc(sizeof *fresh + b->count * one);
    fresh->batch = batch_ref(b);
    fresh->origins = (struct origin *)&fresh->ids[b->count];
    memcpy(fresh->origins, origins, b->count * sizeof *origins);
    for (uint32_t i = 0; i < b->count; i++)
        held_ids_add(&s->ids, &fresh->ids[i], b->updates[i]);
    if (s->count == s->cap)
        grow(s);
    s->places[(s->first + s->count++) & (s->cap - 1)] = fresh;
    s->bytes += size_of(b);
    s->end = b->upto;
    while (s->bytes > s->max_bytes && s->count > 1)
        drop_first(s);
}

/* The number of the first that ends behind `p`. */
static uint32_t
number_after(const struct spare *s, struct position p)
{
    uint32_t low = 0, high = s->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (position_cmp(spared_at(s, middle)->batch->upto, p) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct batch *
spare_after(const struct spare *s, struct position p)
{
    uint32_t number = number_after(s, p);
    return number < s->count ? spared_at(s, number)->batch : NULL;
}

bool
spare_has_place(const struct spare *s, struct position p)
{
    if (position_cmp(p, s->begin) == 0 || position_cmp(p, s->end) == 0)
        return true;
    const struct batch *b = spare_after(s, p);
    return b && position_cmp(p, s->begin) > 0 &&
           position_cmp(batch_before(b, batch_index_after(b, p)), p) == 0;
}

bool
spare_find(const struct spare *s, struct slice id, struct position *ret)
{
    const struct update *u = held_ids_find(&s->ids, id);
    if (u == NULL || u->id_is_chosen || position_cmp(u->position, s->begin) < 0)
        return false;
    *ret = u->position;
    return true;
}

void
spare_walk_begin(struct spare_walk *w, const struct spare *s, struct position p)
{
    const struct batch *b = spare_after(s, p);
    *w = (struct spare_walk){s, number_after(s, p), b ? batch_index_after(b, p) : 0};
}

bool
spare_walk_next(struct spare_walk *w, const struct update **ret, const struct origin **ret_origin,
                struct position *ret_before)
{
    while (w->batch < w->spare->count && w->update == spared_at(w->spare, w->batch)->batch->count) {
        w->batch++;
        w->update = 0;
    }
    if (w->batch == w->spare->count)
        return false;
    const struct spared *at = spared_at(w->spare, w->batch);
    *ret = at->batch->updates[w->update];
    *ret_origin = &at->origins[w->update];
    *ret_before = batch_before(at->batch, w->update++);
    return true;
}
