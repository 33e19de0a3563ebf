#ifndef BASE_LIST_H
#define BASE_LIST_H

/* An intrusive doubly linked ring. The head is a node that belongs to no object; a node that
 * is in no list points to itself, so unlinking twice is harmless. */

#include "base/compiler.h"

#include <stdbool.h>

struct list {
    struct list *next, *prev;
};

static inline void
list_init(struct list *l)
{
    l->next = l->prev = l;
}

static inline bool
list_is_empty(const struct list *l)
{
    return l->next == l;
}

/* Also: "is this node in a list?" */
static inline bool
list_is_linked(const struct list *node)
{
    return node->next != node;
}

static inline void
list_append(struct list *head, struct list *node)
{
    node->prev = head->prev;
    node->next = head;
    head->prev->next = node;
    head->prev = node;
}

static inline void
list_prepend(struct list *head, struct list *node)
{
    list_append(head->next, node);
}

static inline void
list_unlink(struct list *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    list_init(node);
}

/* Moves everything from `from` to the end of `to`; `from` is empty afterwards. */
static inline void
list_splice(struct list *to, struct list *from)
{
    if (list_is_empty(from))
        return;
    from->next->prev = to->prev;
    to->prev->next = from->next;
    from->prev->next = to;
    to->prev = from->prev;
    list_init(from);
}

/* Unlinks and gives the first node, or NULL. */
static inline struct list *
list_shift(struct list *head)
{
    struct list *node = head->next;
    if (node == head)
        return NULL;
    list_unlink(node);
    return node;
}

/* Walks; the current node may be unlinked or freed meanwhile. */
#define LIST_EACH(node, after, head)                                                               \
    for (struct list *node = (head)->next, *after = node->next; node != (head);                    \
         node = after, after = node->next)

#endif
