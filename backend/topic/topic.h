#ifndef TOPIC_TOPIC_H
#define TOPIC_TOPIC_H

/* A topic as it was published. Which URL it is is worked out at the first need, by whatever thread
 * needs it first, and kept with it for the base that was asked for first, as long as all topics
 * together do not keep too much; any thread may use a topic at any time, without a lock. */

#include "base/slice.h"
#include "topic/url.h"

#include <stdatomic.h>

struct topic_url;

enum {
    TOPIC_URL_MAX = 65536 /* a longer topic is no URL here, and no template's */
};

struct topic {
    struct slice text;                /* borrowed from whoever owns the topic */
    _Atomic(struct topic_url *) kept; /* owns; NULL: nothing is */
};

static inline struct topic
topic_of(struct slice text)
{
    return (struct topic){.text = text};
}

/* The topic parsed as a URL with that base (empty: none). False: it is none. *ret_url and *ret_key
 * (pattern_key(), topic/pattern.h) live until this thread asks about another topic, or with another
 * base, and no longer than the topic; each of them may be NULL. */
bool topic_url(const struct topic *, struct slice base, const struct url **ret_url,
               struct slice *ret_key);
/* Works that out if it is not known. Returns the steps it took (topic/match.h). */
uint64_t topic_parse(const struct topic *, struct slice base);
/* Is it the same URL whatever the base is? */
bool topic_is_absolute(const struct topic *);

/* What was worked out about `from`, an equal text, goes to `to`, of which nothing was yet. The
 * caller alone knows both. */
void topic_move(struct topic *to, struct topic *from);
void topic_forget(struct topic *);

/* Bytes that all topics of the process together may keep; what does not fit is worked out anew for
 * each who needs it. Any thread. */
void topic_set_room(size_t bytes);
size_t topic_kept(void); /* bytes */

/* Gives back what was worked out; usable again. */
static inline void
topic_fini(struct topic *t)
{
    if (atomic_load_explicit(&t->kept, memory_order_relaxed))
        topic_forget(t);
}

#endif
