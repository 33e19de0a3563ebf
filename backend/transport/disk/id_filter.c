/* id_filter - may this id be among those that were added? No is certain. */

#include "transport/disk/id_filter.h"

#include "base/alloc.h"

#include <stdlib.h>

enum {
    BITS_AN_ID = 16,
    PROBES = 5,
};

bool
id_filter_init(struct id_filter *f, uint32_t count)
{
    uint64_t words = ((uint64_t)count * BITS_AN_ID + 63) / 64 + 1;
    f->bits = words * 64 > UINT32_MAX ? UINT32_MAX : (uint32_t)(words * 64);
    f->words = try_alloc(words * sizeof *f->words);
    return f->words != NULL;
}

/* The hash is uniform: one half walks in steps of the other (Kirsch and Mitzenmacher). */
static uint32_t
bit_of(const struct id_filter *f, uint64_t hash, uint32_t probe)
{
    uint32_t at = (uint32_t)hash + probe * ((uint32_t)(hash >> 32) | 1);
    return (uint32_t)((uint64_t)at * f->bits >> 32);
}

void
id_filter_add(struct id_filter *f, uint64_t hash)
{
    for (uint32_t i = 0; i < PROBES; i++) {
        uint32_t bit = bit_of(f, hash, i);
        f->words[bit / 64] |= 1ull << bit % 64;
    }
}

bool
id_filter_may_have(const struct id_filter *f, uint64_t hash)
{
    for (uint32_t i = 0; i < PROBES; i++) {
        uint32_t bit = bit_of(f, hash, i);
        if (!(f->words[bit / 64] & 1ull << bit % 64))
            return false;
    }
    return true;
}

void
id_filter_free(struct id_filter *f)
{
    free(f->words);
    *f = (struct id_filter){0};
}
