#ifndef HUB_PATTERN_ENTRY_H
#define HUB_PATTERN_ENTRY_H

/* A pattern as the index interns it. Its own business (hub/index.c) and the walk's. */

#include "base/list.h"
#include "hub/linear_hash.h"
#include "hub/radix.h"
#include "topic/matcher.h"

enum {
    PATTERN_STRIKES = 3 /* so many topics that took too long, and it is not tried any more */
};

struct pattern_entry {
    struct entry entry;
    enum matcher_type type;
    struct matcher *matcher;  /* owns */
    struct list node;         /* in place->values; in index.struck */
    struct radix_node *place; /* NULL: struck, out of the tree */
    uint64_t stamp;
    uint32_t candidate; /* its place in the walk's list, if it is there */
    uint32_t strikes;
    uint32_t struck_by[PATTERN_STRIKES - 1]; /* hashes of these topics */
    uint32_t holds;
    bool is_unfixed;
    struct pattern_base *base; /* NULL: a template */
};

/* The hub's URL as some requests have it; a topic that is no absolute URL is another one with each.
 */
struct pattern_base {
    struct list node; /* in index.bases */
    size_t patterns;
    uint32_t share;
    struct slice text;
    char bytes[];
};

static inline struct pattern_entry *
pattern_entry_of(const struct entry *e)
{
    return CONTAINER_OF(e, struct pattern_entry, entry);
}

#endif
