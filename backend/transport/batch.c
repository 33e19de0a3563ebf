/* batch - a run of updates that share one reference count. */

#include "transport/batch.h"

#include "base/alloc.h"

#include <stdlib.h>

struct batch *
batch_new(uint32_t count)
{
    struct batch *b = xalloc(sizeof *b + count * sizeof(struct update *));
    atomic_init(&b->refs, 1);
    b->count = count;
    return b;
}

struct batch *
batch_ref(struct batch *b)
{
    atomic_fetch_add_explicit(&b->refs, 1, memory_order_relaxed);
    return b;
}

void
batch_unref(struct batch **ref)
{
    struct batch *b = *ref;
    *ref = NULL;
    if (b == NULL || atomic_fetch_sub_explicit(&b->refs, 1, memory_order_acq_rel) != 1)
        return;
    for (uint32_t i = 0; i < b->count; i++)
        update_unref(&b->updates[i]);
    free(b);
}

uint32_t
batch_index_after(const struct batch *b, struct position p)
{
    uint32_t low = 0, high = b->count;
    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        if (position_cmp(b->updates[mid]->position, p) <= 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

struct position
batch_before(const struct batch *b, uint32_t i)
{
    return i ? b->updates[i - 1]->position : b->after;
}
