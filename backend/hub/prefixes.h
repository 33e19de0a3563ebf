#ifndef HUB_PREFIXES_H
#define HUB_PREFIXES_H

/* A radix tree of byte strings, asked for those that a text begins with. One thread. */

#include "base/list.h"
#include "base/slice.h"

struct prefix_children;

enum {
    PREFIX_ROOM = 16
};

/* One of the strings; values hang in a list of their owner's. What a search visits stands first. */
struct prefix_node {
    struct prefix_children *children;
    struct list values;
    struct slice edge; /* from the parent; owns the bytes, or they are in `room` */
    char room[PREFIX_ROOM];
    struct prefix_node *parent; /* NULL: the root, the empty string */
};

struct prefixes {
    struct prefix_node root;
    size_t nodes; /* without the root */
};

void prefixes_init(struct prefixes *);
void prefixes_fini(struct prefixes *); /* no value is left */

/* The node of that string; the caller appends to its `values` before the next call. */
struct prefix_node *prefixes_place(struct prefixes *, struct slice);
/* After a value was unlinked from that node. The node may be gone then. */
void prefixes_tidy(struct prefixes *, struct prefix_node *);

/* Every node whose string `text` begins with, shortest first. Cost: the length of the longest.
 *     rest = text;
 *     for (n = prefixes_first(&p); n; n = prefixes_next(n, &rest)) */
struct prefix_node *prefixes_first(struct prefixes *);
struct prefix_node *prefixes_next(struct prefix_node *, struct slice *rest);

#endif
