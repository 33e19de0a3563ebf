#ifndef HUB_RADIX_H
#define HUB_RADIX_H

/* A radix tree of byte strings, asked for those that a text begins with. One thread. */

#include "base/list.h"
#include "base/slice.h"

struct radix_children;

enum {
    RADIX_ROOM = 16
};

/* One of the strings; values hang in a list of their owner's. What a search visits stands first. */
struct radix_node {
    struct radix_children *children;
    struct list values;
    struct slice edge; /* from the parent; owns the bytes, or they are in `room` */
    char room[RADIX_ROOM];
    struct radix_node *parent; /* NULL: the root, the empty string */
};

struct radix {
    struct radix_node root;
    size_t nodes; /* without the root */
};

void radix_init(struct radix *);
void radix_fini(struct radix *); /* no value is left */

/* The node of that string; the caller appends to its `values` before the next call. */
struct radix_node *radix_place(struct radix *, struct slice);
/* After a value was unlinked from that node. The node may be gone then. */
void radix_tidy(struct radix *, struct radix_node *);

/* Every node whose string `text` begins with, shortest first. Cost: the length of the longest.
 *     rest = text;
 *     for (n = radix_first(&p); n; n = radix_next(n, &rest)) */
struct radix_node *radix_first(struct radix *);
struct radix_node *radix_next(struct radix_node *, struct slice *rest);

#endif
