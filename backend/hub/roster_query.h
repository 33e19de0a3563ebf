#ifndef HUB_ROSTER_QUERY_H
#define HUB_ROSTER_QUERY_H

/* Which part of a list of active subscriptions the query asks for (PROTOCOL.md, "Active
 * subscriptions"): beyond the standard. */

#include "base/arena.h"
#include "base/buf.h"
#include "base/slice.h"
#include "transport/position.h"

#include <stdbool.h>

struct roster_query {
    size_t limit;   /* SIZE_MAX: all of them */
    bool has_after; /* of those that began behind... */
    struct position after;
    struct slice *topics; /* whose matcher is one of these, encoded as a segment; sorted, in the
                           * arena */
    size_t topic_count;   /* 0: whatever it is */
};

/* NULL: read; otherwise the sentence of the 400. */
MUST_CHECK const char *roster_query_read(struct arena *, struct slice query, size_t max_topics,
                                         struct roster_query *);
/* Is the matcher, as it stands in an id, among those that are asked for? */
bool roster_query_wants(const struct roster_query *, struct slice segment);
/* The query of the page behind `after`. */
void roster_query_add_next(struct buf *, const struct roster_query *, struct position after);

#endif
