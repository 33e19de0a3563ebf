/* radix - which of these strings does a text begin with?
 *
 * A node stands for a string: its edge behind its parent's. Edges from one node differ in their
 * first byte. A node without values has two children at least, or it is merged into its only one;
 * so there are fewer than two nodes a string, whatever peers name. */

#include "hub/radix.h"

#include "base/alloc.h"

#include <stdlib.h>
#include <string.h>

/* In one piece, the first bytes of the edges in front: a level of the tree costs few visits to
 * memory. Then, as many, the nodes. */
struct radix_children {
    uint16_t count, cap; /* cap: 4, 12, 28, ...: the nodes behind the bytes are aligned */
    unsigned char firsts[];
};

static struct radix_node **
nodes_of(const struct radix_children *c)
{
    return (struct radix_node **)(c->firsts + c->cap);
}

void
radix_init(struct radix *p)
{
    *p = (struct radix){0};
    list_init(&p->root.values);
}

static size_t
child_count(const struct radix_node *n)
{
    return n->children ? n->children->count : 0;
}

static void
free_children(struct radix_node *n)
{
    free(n->children);
    n->children = NULL;
}

void
radix_fini(struct radix *p)
{
    ENSURE(p->nodes == 0);
    free_children(&p->root);
}

/* SIZE_MAX: none. */
static size_t
find_child(const struct radix_node *n, char first)
{
    if (n->children == NULL)
        return SIZE_MAX;
    const unsigned char *firsts = n->children->firsts;
    const unsigned char *at = memchr(firsts, (unsigned char)first, n->children->count);
    return at ? (size_t)(at - firsts) : SIZE_MAX;
}

static void
add_child(struct radix_node *parent, struct radix_node *child)
{
    struct radix_children *c = parent->children;
    if (c == NULL || c->count == c->cap) {
        size_t cap = c ? 2 * c->cap + 4u : 4;
        struct radix_children *grown =
            xalloc(sizeof *c + cap * (sizeof(unsigned char) + sizeof(struct radix_node *)));
        grown->cap = (uint16_t)cap;
        if (c) {
            grown->count = c->count;
            memcpy(grown->firsts, c->firsts, c->count);
            memcpy(nodes_of(grown), nodes_of(c), c->count * sizeof(struct radix_node *));
            free(c);
        }
        parent->children = c = grown;
    }
    c->firsts[c->count] = (unsigned char)child->edge.ptr[0];
    nodes_of(c)[c->count++] = child;
    child->parent = parent;
}

static void
remove_child(struct radix_node *parent, struct radix_node *child)
{
    struct radix_children *c = parent->children;
    size_t at = find_child(parent, child->edge.ptr[0]);
    ENSURE(at < c->count && nodes_of(c)[at] == child);
    c->count--;
    c->firsts[at] = c->firsts[c->count];
    nodes_of(c)[at] = nodes_of(c)[c->count];
    if (c->count == 0)
        free_children(parent);
}

/* Takes a copy of both, one behind the other; either may be the edge as it is. */
static void
set_edge(struct radix_node *n, struct slice a, struct slice b)
{
    char *old = n->edge.ptr == n->room ? NULL : (char *)n->edge.ptr, on_stack[RADIX_ROOM];
    size_t len = a.len + b.len;
    char *to = len <= RADIX_ROOM ? on_stack : xalloc(len);
    if (a.len)
        memcpy(to, a.ptr, a.len);
    if (b.len)
        memcpy(to + a.len, b.ptr, b.len);
    if (to == on_stack)
        memcpy(n->room, on_stack, len);
    n->edge = SLICE_OF(to == on_stack ? n->room : to, len);
    free(old);
}

static struct radix_node *
new_node(struct radix *p, struct slice edge)
{
    struct radix_node *n = xalloc(sizeof *n);
    list_init(&n->values);
    set_edge(n, edge, SLICE(""));
    p->nodes++;
    return n;
}

static void
free_node(struct radix *p, struct radix_node *n)
{
    free_children(n);
    if (n->edge.ptr != n->room)
        free((char *)n->edge.ptr);
    free(n);
    p->nodes--;
}

/* A node between n and its parent, `len` bytes behind the parent. */
static struct radix_node *
split(struct radix *p, struct radix_node *n, size_t len)
{
    struct radix_node *parent = n->parent, *middle = new_node(p, slice_head(n->edge, len));
    remove_child(parent, n);
    add_child(parent, middle);
    set_edge(n, slice_from(n->edge, len), SLICE(""));
    add_child(middle, n);
    return middle;
}

struct radix_node *
radix_place(struct radix *p, struct slice text)
{
    struct radix_node *n = &p->root;
    while (text.len) {
        size_t at = find_child(n, text.ptr[0]);
        if (at == SIZE_MAX) {
            struct radix_node *leaf = new_node(p, text);
            add_child(n, leaf);
            return leaf;
        }
        n = nodes_of(n->children)[at];
        size_t same = 1;
        while (same < n->edge.len && same < text.len && n->edge.ptr[same] == text.ptr[same])
            same++;
        if (same < n->edge.len)
            n = split(p, n, same);
        text = slice_from(text, same);
    }
    return n;
}

/* Its only child takes its place. */
static void
merge(struct radix *p, struct radix_node *n)
{
    struct radix_node *parent = n->parent, *child = nodes_of(n->children)[0];
    remove_child(parent, n);
    set_edge(child, n->edge, child->edge);
    add_child(parent, child);
    free_node(p, n);
}

void
radix_tidy(struct radix *p, struct radix_node *n)
{
    if (n->parent == NULL || !list_is_empty(&n->values))
        return;
    if (child_count(n) == 0) {
        struct radix_node *parent = n->parent;
        remove_child(parent, n);
        free_node(p, n);
        n = parent;
    }
    if (n->parent && list_is_empty(&n->values) && child_count(n) == 1)
        merge(p, n);
}

struct radix_node *
radix_first(struct radix *p)
{
    return &p->root;
}

struct radix_node *
radix_next(struct radix_node *n, struct slice *rest)
{
    size_t at = rest->len ? find_child(n, rest->ptr[0]) : SIZE_MAX;
    if (at == SIZE_MAX)
        return NULL;
    struct radix_node *child = nodes_of(n->children)[at];
    if (!slice_starts(*rest, child->edge))
        return NULL;
    *rest = slice_from(*rest, child->edge.len);
    return child;
}
