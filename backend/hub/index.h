#ifndef HUB_INDEX_H
#define HUB_INDEX_H

/* Topic to streams, for the streams of one worker. */

#include "base/list.h"
#include "base/slice.h"
#include "transport/update.h"

#include <stdint.h>

struct stream;
struct topic_entry;

/* One matcher of one stream; embedded in the stream. */
struct subscription {
    struct list node;
    struct stream *stream;
    struct topic_entry *topic; /* NULL: `*` */
};

struct index {
    struct topic_entry **buckets; /* owns */
    size_t bucket_count, entry_count;
    struct list everything; /* subscriptions to `*` */
};

void index_init(struct index *);
void index_fini(struct index *); /* no subscription is left */
void index_add(struct index *, struct subscription *, struct stream *, struct slice topic);
void index_remove(struct index *, struct subscription *);

/* Calls `hit` for each subscription that an update's topics meet; a stream may come twice. Cost:
 * the topics, plus the hits. `hit` must not add or remove subscriptions. */
void index_match(struct index *, const struct update *, void (*hit)(struct stream *, void *context),
                 void *context);
bool subscription_matches(const struct subscription *, const struct update *);

#endif
