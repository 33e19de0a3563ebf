/* linear_hash - a table that grows and shrinks by one bucket at a time (Litwin).
 *
 * Buckets are split, or joined again, one a call, in order: bucket i of this round with bucket
 * i + round. A hash falls into the half of the table that its bucket's split has reached. Doubling
 * a million entries at once would hold every stream of the worker up. */

#include "hub/linear_hash.h"

#include "base/alloc.h"

#include <stdlib.h>

enum {
    FIRST_BUCKETS = 64
};

void
linear_hash_init(struct linear_hash *t)
{
    *t = (struct linear_hash){
        .bucket_count = FIRST_BUCKETS, .cap = FIRST_BUCKETS, .round = FIRST_BUCKETS};
    t->buckets = xalloc(FIRST_BUCKETS * sizeof *t->buckets);
}

void
linear_hash_fini(struct linear_hash *t)
{
    ENSURE(t->count == 0);
    free(t->buckets);
    t->buckets = NULL;
}

static struct entry **
bucket_of(const struct linear_hash *t, uint32_t hash)
{
    size_t at = hash & (2 * t->round - 1);
    return &t->buckets[at < t->bucket_count ? at : hash & (t->round - 1)];
}

struct entry *
linear_hash_find(const struct linear_hash *t, uint32_t hash,
                 bool (*is)(const struct entry *, const void *what), const void *what)
{
    for (struct entry *e = *bucket_of(t, hash); e; e = e->next)
        if (e->hash == hash && is(e, what))
            return e;
    return NULL;
}

static void
set_cap(struct linear_hash *t, size_t cap)
{
    t->buckets = xrealloc(t->buckets, cap * sizeof *t->buckets);
    t->cap = cap;
}

static void
split_one(struct linear_hash *t)
{
    if (t->bucket_count == t->cap)
        set_cap(t, t->cap * 2);
    struct entry **low = &t->buckets[t->bucket_count - t->round];
    struct entry **high = &t->buckets[t->bucket_count];
    struct entry *chain = *low;
    *low = *high = NULL;
    for (struct entry *e = chain, *next; e; e = next) {
        next = e->next;
        struct entry **to = e->hash & t->round ? high : low;
        e->next = *to;
        *to = e;
    }
    if (++t->bucket_count == 2 * t->round)
        t->round *= 2;
}

static void
join_one(struct linear_hash *t)
{
    if (t->bucket_count == t->round)
        t->round /= 2;
    t->bucket_count--;
    struct entry **low = &t->buckets[t->bucket_count - t->round];
    while (*low)
        low = &(*low)->next;
    *low = t->buckets[t->bucket_count];
    if (t->bucket_count < t->cap / 4)
        set_cap(t, t->cap / 2);
}

void
linear_hash_add(struct linear_hash *t, struct entry *e)
{
    if (t->count >= t->bucket_count)
        split_one(t);
    struct entry **at = bucket_of(t, e->hash);
    e->next = *at;
    *at = e;
    t->count++;
}

void
linear_hash_remove(struct linear_hash *t, struct entry *e)
{
    struct entry **at = bucket_of(t, e->hash);
    while (*at != e) {
        ENSURE(*at != NULL);
        at = &(*at)->next;
    }
    *at = e->next;
    t->count--;
    if (t->bucket_count > FIRST_BUCKETS && t->count < t->bucket_count / 2)
        join_one(t);
}
