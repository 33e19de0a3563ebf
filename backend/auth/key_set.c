/* key_set - keys that stand side by side, and the place where a set is renewed.
 *
 *     object       made by                    shared                       freed
 *     key_set      jwk_set_read(), configured counted, immutable           last reference
 *     key_source   configuration              counted, one pointer moves   last reference
 *
 * The lock of a source is a leaf: held for one pointer and the comparison of two sets, so that
 * nobody reads a set that is being let go. */

#include "auth/key_set.h"

#include "base/alloc.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static atomic_ullong generation = 1;

struct key_source {
    atomic_uint refs;
    char *url; /* owns */
    pthread_mutex_t lock;
    struct key_set *current; /* under the lock; owns */
    uint64_t version;        /* under the lock */
    atomic_size_t waiting;
};

struct key_set *
key_set_new(void)
{
    struct key_set *set = xalloc(sizeof *set);
    atomic_init(&set->refs, 1);
    return set;
}

void
key_set_add(struct key_set *set, struct key *k)
{
    set->keys = xrealloc(set->keys, (set->count + 1) * sizeof *set->keys);
    set->keys[set->count++] = k;
}

struct key_set *
key_set_of(struct key *k)
{
    struct key_set *set = key_set_new();
    key_set_add(set, k);
    return set;
}

struct key_set *
key_set_ref(struct key_set *set)
{
    atomic_fetch_add_explicit(&set->refs, 1, memory_order_relaxed);
    return set;
}

void
key_set_unref(struct key_set **ref)
{
    struct key_set *set = *ref;
    *ref = NULL;
    if (set == NULL || atomic_fetch_sub_explicit(&set->refs, 1, memory_order_acq_rel) != 1)
        return;
    for (size_t i = 0; i < set->count; i++)
        key_free(&set->keys[i]);
    free(set->keys);
    free(set);
}

static bool
are_same(const struct key_set *a, const struct key_set *b)
{
    if (a == NULL || b == NULL || a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (memcmp(key_mark(a->keys[i]), key_mark(b->keys[i]), KEY_MARK_LEN) != 0 ||
            !slice_eq(key_kid(a->keys[i]), key_kid(b->keys[i])) ||
            key_algorithm(a->keys[i]) != key_algorithm(b->keys[i]))
            return false;
    return true;
}

struct key_source *
key_source_new(const char *url)
{
    struct key_source *s = xalloc(sizeof *s);
    atomic_init(&s->refs, 1);
    s->url = xstrndup(url, strlen(url));
    pthread_mutex_init(&s->lock, NULL);
    return s;
}

struct key_source *
key_source_ref(struct key_source *s)
{
    atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
    return s;
}

void
key_source_unref(struct key_source **ref)
{
    struct key_source *s = *ref;
    *ref = NULL;
    if (s == NULL || atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) != 1)
        return;
    key_set_unref(&s->current);
    pthread_mutex_destroy(&s->lock);
    free(s->url);
    free(s);
}

const char *
key_source_url(const struct key_source *s)
{
    return s->url;
}

/* Both sets are read under the lock: once it is let go, the next one may free the new set. The
 * generation moves behind the set, so whoever reads the new one sees the new keys. */
void
key_source_replace(struct key_source *s, struct key_set *set)
{
    pthread_mutex_lock(&s->lock);
    struct key_set *old = s->current;
    bool changes = !are_same(old, set);
    s->current = set;
    s->version++;
    if (changes)
        auth_next_generation();
    pthread_mutex_unlock(&s->lock);
    key_set_unref(&old);
}

struct key_set *
key_source_current(struct key_source *s, uint64_t *ret_version)
{
    pthread_mutex_lock(&s->lock);
    struct key_set *set = s->current ? key_set_ref(s->current) : NULL;
    if (ret_version)
        *ret_version = s->version;
    pthread_mutex_unlock(&s->lock);
    return set;
}

bool
key_source_take_place(struct key_source *s, size_t most)
{
    if (atomic_fetch_add_explicit(&s->waiting, 1, memory_order_relaxed) < most)
        return true;
    key_source_leave_place(s);
    return false;
}

void
key_source_leave_place(struct key_source *s)
{
    atomic_fetch_sub_explicit(&s->waiting, 1, memory_order_relaxed);
}

uint64_t
auth_next_generation(void)
{
    return atomic_fetch_add(&generation, 1) + 1;
}

uint64_t
auth_generation(void)
{
    return atomic_load_explicit(&generation, memory_order_acquire);
}
