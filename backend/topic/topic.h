#ifndef TOPIC_TOPIC_H
#define TOPIC_TOPIC_H

/* A topic as it was published. What must be worked out about it is worked out once, at its first
 * need and by whatever thread needs it; so any thread may use a topic without a lock. */

#include "base/slice.h"

struct topic {
    struct slice text; /* borrowed from whoever owns the topic */
};

static inline struct topic
topic_of(struct slice text)
{
    return (struct topic){.text = text};
}

void topic_fini(struct topic *); /* gives back what was worked out; usable again */

#endif
