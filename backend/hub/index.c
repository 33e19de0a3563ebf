/* index - exact topics in a hash table of interned entries, `*` in a list apart.
 *
 * An entry lives while it has subscriptions; streams on one topic share its bytes. */

#include "hub/index.h"

#include "base/alloc.h"
#include "base/hash.h"

#include <stdlib.h>
#include <string.h>

enum {
    FIRST_BUCKETS = 64
};

struct topic_entry {
    struct topic_entry *next;
    uint64_t hash;
    struct list subscriptions;
    size_t len;
    char bytes[];
};

void
index_init(struct index *ix)
{
    *ix = (struct index){.bucket_count = FIRST_BUCKETS};
    ix->buckets = xalloc(FIRST_BUCKETS * sizeof *ix->buckets);
    list_init(&ix->everything);
}

void
index_fini(struct index *ix)
{
    ENSURE(ix->entry_count == 0);
    free(ix->buckets);
    ix->buckets = NULL;
}

static struct topic_entry **
find(const struct index *ix, uint64_t hash, struct slice topic)
{
    struct topic_entry **at = &ix->buckets[hash & (ix->bucket_count - 1)];
    while (*at && !((*at)->hash == hash && slice_eq(SLICE_OF((*at)->bytes, (*at)->len), topic)))
        at = &(*at)->next;
    return at;
}

static void
grow(struct index *ix)
{
    size_t count = ix->bucket_count * 2;
    struct topic_entry **buckets = xalloc(count * sizeof *buckets);
    for (size_t i = 0; i < ix->bucket_count; i++) {
        for (struct topic_entry *e = ix->buckets[i], *next; e; e = next) {
            next = e->next;
            e->next = buckets[e->hash & (count - 1)];
            buckets[e->hash & (count - 1)] = e;
        }
    }
    free(ix->buckets);
    ix->buckets = buckets;
    ix->bucket_count = count;
}

void
index_add(struct index *ix, struct subscription *s, struct stream *stream, struct slice topic)
{
    s->stream = stream;
    s->topic = NULL;
    list_init(&s->node);
    if (slice_eq(topic, SLICE("*"))) {
        list_append(&ix->everything, &s->node);
        return;
    }
    uint64_t hash = hash_slice(topic);
    struct topic_entry *e = *find(ix, hash, topic);
    if (e == NULL) {
        if (ix->entry_count >= ix->bucket_count)
            grow(ix);
        e = xalloc(sizeof *e + topic.len);
        e->hash = hash;
        e->len = topic.len;
        if (topic.len)
            memcpy(e->bytes, topic.ptr, topic.len);
        list_init(&e->subscriptions);
        struct topic_entry **at = &ix->buckets[hash & (ix->bucket_count - 1)];
        e->next = *at;
        *at = e;
        ix->entry_count++;
    }
    s->topic = e;
    list_append(&e->subscriptions, &s->node);
}

void
index_remove(struct index *ix, struct subscription *s)
{
    list_unlink(&s->node);
    struct topic_entry *e = s->topic;
    s->topic = NULL;
    if (e == NULL || !list_is_empty(&e->subscriptions))
        return;
    struct topic_entry **at = find(ix, e->hash, SLICE_OF(e->bytes, e->len));
    ENSURE(*at == e);
    *at = e->next;
    free(e);
    ix->entry_count--;
}

static void
hit_all(struct list *subscriptions, void (*hit)(struct stream *, void *), void *context)
{
    for (struct list *node = subscriptions->next; node != subscriptions; node = node->next)
        hit(CONTAINER_OF(node, struct subscription, node)->stream, context);
}

void
index_match(struct index *ix, const struct update *u, void (*hit)(struct stream *, void *),
            void *context)
{
    hit_all(&ix->everything, hit, context);
    for (uint32_t i = 0; i < u->topic_count && ix->entry_count; i++) {
        struct topic_entry *e = *find(ix, hash_slice(u->topics[i].text), u->topics[i].text);
        if (e)
            hit_all(&e->subscriptions, hit, context);
    }
}

bool
subscription_matches(const struct subscription *s, const struct update *u)
{
    if (s->topic == NULL)
        return true;
    for (uint32_t i = 0; i < u->topic_count; i++)
        if (slice_eq(SLICE_OF(s->topic->bytes, s->topic->len), u->topics[i].text))
            return true;
    return false;
}
