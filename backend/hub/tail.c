/* tail - a ring of batches, searched by position.
 *
 * Every step of a stream that catches up looks here, and with updates that come one at a time the
 * tail holds tens of thousands of batches: a list, walked, took three quarters of a worker's time.
 */

#include "hub/tail.h"

#include "base/alloc.h"

#include <stdlib.h>

enum {
    FIRST_CAP = 64
};

void
tail_init(struct tail *t, size_t max_bytes)
{
    *t = (struct tail){.max_bytes = max_bytes};
}

struct batch *
tail_at(const struct tail *t, uint32_t number)
{
    return t->batches[(t->begin + number) & (t->cap - 1)];
}

static void
drop_oldest(struct tail *t)
{
    struct batch *b = tail_at(t, 0);
    t->bytes -= b->bytes;
    t->begin++;
    t->count--;
    batch_unref(&b);
}

void
tail_empty(struct tail *t)
{
    while (t->count)
        drop_oldest(t);
}

void
tail_fini(struct tail *t)
{
    tail_empty(t);
    free(t->batches);
    *t = (struct tail){0};
}

static void
grow(struct tail *t)
{
    uint32_t cap = t->cap ? t->cap * 2 : FIRST_CAP;
    struct batch **batches = xalloc(cap * sizeof *batches);
    for (uint32_t i = 0; i < t->count; i++)
        batches[i] = tail_at(t, i);
    free(t->batches);
    t->batches = batches;
    t->begin = 0;
    t->cap = cap;
}

void
tail_add(struct tail *t, struct batch *b)
{
    while (t->count && t->bytes + b->bytes > t->max_bytes)
        drop_oldest(t);
    if (t->count == t->cap)
        grow(t);
    t->batches[(t->begin + t->count++) & (t->cap - 1)] = b;
    t->bytes += b->bytes;
}

bool
tail_find(const struct tail *t, struct position p, uint32_t *ret)
{
    uint32_t low = 0, high = t->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (position_cmp(tail_at(t, middle)->upto, p) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == t->count || (low == 0 && position_cmp(tail_at(t, 0)->after, p) > 0))
        return false;
    *ret = low;
    return true;
}
