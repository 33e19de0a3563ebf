/* pattern_ban - a short list, under a leaf lock, of what is not to be tried again soon.
 *
 * Streams of a struck pattern end with retry:, and EventSource comes back for it at once: to refuse
 * it then, with 400, is what makes the browser stop. Looked at only when somebody subscribes to a
 * pattern that the worker does not have, so the lock is on no hot path. Where the list is full the
 * oldest makes room: a pattern that is forgotten has to be struck once more, nothing else. */

#include "hub/pattern_ban.h"

#include "base/alloc.h"

#include <pthread.h>
#include <stdlib.h>

enum {
    PLACES = 256
};

struct pattern_ban {
    pthread_mutex_t lock; /* a leaf */
    size_t next;          /* the oldest: its place is given away next */
    struct {
        uint64_t hash, until_ms;
    } places[PLACES];
};

struct pattern_ban *
pattern_ban_new(void)
{
    struct pattern_ban *s = xalloc(sizeof *s);
    pthread_mutex_init(&s->lock, NULL);
    return s;
}

void
pattern_ban_free(struct pattern_ban **ref)
{
    if (*ref)
        pthread_mutex_destroy(&(*ref)->lock);
    free(*ref);
    *ref = NULL;
}

static bool
holds(const struct pattern_ban *s, uint64_t hash, uint64_t now_ms)
{
    for (size_t i = 0; i < PLACES; i++)
        if (s->places[i].hash == hash && now_ms < s->places[i].until_ms)
            return true;
    return false;
}

void
pattern_ban_add(struct pattern_ban *s, const struct selector *selector, uint64_t now_ms)
{
    uint64_t hash = index_hash(selector);
    pthread_mutex_lock(&s->lock);
    if (!holds(s, hash, now_ms)) {
        s->places[s->next].hash = hash;
        s->places[s->next].until_ms = now_ms + PATTERN_BAN_MS;
        s->next = (s->next + 1) % PLACES;
    }
    pthread_mutex_unlock(&s->lock);
}

bool
pattern_ban_has(struct pattern_ban *s, const struct selector *selector, uint64_t now_ms)
{
    uint64_t hash = index_hash(selector);
    pthread_mutex_lock(&s->lock);
    bool has = holds(s, hash, now_ms);
    pthread_mutex_unlock(&s->lock);
    return has;
}
