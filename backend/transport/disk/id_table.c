/* id_table - the first place of each id, with open addressing. */

#include "transport/disk/id_table.h"

#include "base/alloc.h"

#include <stdlib.h>
#include <string.h>

enum {
    FIRST_CAP = 1024,
};

static struct id_entry *
place_of(const struct id_table *t, uint64_t hash)
{
    uint32_t i = (uint32_t)hash & (t->cap - 1);
    while (t->entries[i].offset && t->entries[i].hash != hash)
        i = (i + 1) & (t->cap - 1);
    return &t->entries[i];
}

static void
grow(struct id_table *t)
{
    struct id_table larger = {.cap = t->cap ? t->cap * 2 : FIRST_CAP, .count = t->count};
    larger.entries = xalloc(larger.cap * sizeof *larger.entries);
    for (uint32_t i = 0; i < t->cap; i++)
        if (t->entries[i].offset)
            *place_of(&larger, t->entries[i].hash) = t->entries[i];
    free(t->entries);
    *t = larger;
}

void
id_table_add(struct id_table *t, uint64_t hash, uint32_t offset)
{
    if (t->count >= t->cap / 4 * 3)
        grow(t);
    struct id_entry *e = place_of(t, hash);
    if (e->offset)
        return;
    *e = (struct id_entry){hash, offset};
    t->count++;
}

uint32_t
id_table_find(const struct id_table *t, uint64_t hash)
{
    return t->cap ? place_of(t, hash)->offset : 0;
}

void
id_table_clear(struct id_table *t)
{
    if (t->count)
        memset(t->entries, 0, t->cap * sizeof *t->entries);
    t->count = 0;
}

void
id_table_free(struct id_table *t)
{
    free(t->entries);
    *t = (struct id_table){0};
}

static int
by_hash(const void *a, const void *b)
{
    const struct id_entry *x = a, *y = b;
    return x->hash < y->hash ? -1 : x->hash > y->hash;
}

struct id_entry *
id_table_sorted(const struct id_table *t)
{
    struct id_entry *sorted = t->count ? try_alloc(t->count * sizeof *sorted) : NULL;
    if (sorted == NULL)
        return NULL;
    uint32_t n = 0;
    for (uint32_t i = 0; i < t->cap; i++)
        if (t->entries[i].offset)
            sorted[n++] = t->entries[i];
    qsort(sorted, n, sizeof *sorted, by_hash);
    return sorted;
}
