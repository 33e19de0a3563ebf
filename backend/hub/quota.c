/* quota - counts by key. Asked when a stream begins and when it ends, never for a delivery, so a
 * lock does no harm. A key without a count has no entry. */

#include "hub/quota.h"

#include "base/alloc.h"
#include "base/cidr.h"
#include "base/hash.h"

#include <pthread.h>
#include <stdlib.h>

enum {
    BUCKETS = 4096,
    NETWORK_BYTES = 8, /* of an IPv6 address: the /64 */
};

struct entry {
    struct entry *next;
    uint64_t key;
    size_t count;
};

struct quota {
    pthread_mutex_t lock; /* a leaf */
    struct entry *buckets[BUCKETS];
};

struct quota *
quota_new(void)
{
    struct quota *q = xalloc(sizeof *q);
    pthread_mutex_init(&q->lock, NULL);
    return q;
}

void
quota_free(struct quota **ref)
{
    struct quota *q = *ref;
    *ref = NULL;
    if (q == NULL)
        return;
    for (size_t i = 0; i < BUCKETS; i++) {
        for (struct entry *e = q->buckets[i], *next; e; e = next) {
            next = e->next;
            free(e);
        }
    }
    pthread_mutex_destroy(&q->lock);
    free(q);
}

static struct entry **
find(struct quota *q, uint64_t key)
{
    struct entry **at = &q->buckets[(key ^ key >> 32) % BUCKETS];
    while (*at && (*at)->key != key)
        at = &(*at)->next;
    return at;
}

bool
quota_take(struct quota *q, uint64_t key, size_t max)
{
    pthread_mutex_lock(&q->lock);
    struct entry **at = find(q, key);
    bool ok = *at == NULL ? max > 0 : (*at)->count < max;
    if (ok && *at == NULL) {
        *at = xalloc(sizeof **at);
        (*at)->key = key;
    }
    if (ok)
        (*at)->count++;
    pthread_mutex_unlock(&q->lock);
    return ok;
}

void
quota_give(struct quota *q, uint64_t key)
{
    pthread_mutex_lock(&q->lock);
    struct entry **at = find(q, key);
    ENSURE(*at != NULL);
    struct entry *e = *at;
    if (--e->count == 0) {
        *at = e->next;
        free(e);
    }
    pthread_mutex_unlock(&q->lock);
}

static bool
is_within(const char *range, const unsigned char address[16])
{
    struct cidr c;
    ENSURE(cidr_read(slice_of(range), &c));
    return cidr_has(&c, address);
}

/* A client on loopback is the site itself, or a front in front of the front. */
uint64_t
quota_key_of_address(struct slice text)
{
    unsigned char address[16];
    if (!cidr_read_address(text, address) || is_within("127.0.0.0/8", address) ||
        is_within("::1", address))
        return 0;
    bool is_v4 = is_within("::ffff:0:0/96", address);
    return hash_slice(SLICE_OF((const char *)address, is_v4 ? 16 : NETWORK_BYTES)) | 1;
}
