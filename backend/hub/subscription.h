#ifndef HUB_SUBSCRIPTION_H
#define HUB_SUBSCRIPTION_H

struct entry;
struct stream;

/* One matcher of one stream; embedded in the stream. */
struct subscription {
    struct subscription *next, **at; /* of those on the same entry */
    struct stream *stream;
    struct entry *entry; /* NULL: not in the index */
};

#endif
