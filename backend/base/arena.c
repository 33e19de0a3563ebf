/* arena - blocks of memory that are given back at once. */

#include "base/arena.h"

#include <stdlib.h>
#include <string.h>

enum {
    BLOCK_SIZE = 1024, /* glibc keeps blocks of this size for the thread: no lock, no search */
    ALIGN = 16
};

struct arena_block {
    struct arena_block *next;
    size_t used, size;
    _Alignas(ALIGN) char bytes[];
};

void
arena_init(struct arena *a, size_t max)
{
    *a = (struct arena){.max = max};
}

void
arena_fini(struct arena *a)
{
    while (a->blocks) {
        struct arena_block *next = a->blocks->next;
        free(a->blocks);
        a->blocks = next;
    }
    a->used = 0;
}

void *
arena_alloc(struct arena *a, size_t size)
{
    if (size > a->max || a->used > a->max - size)
        return NULL;
    size = (size + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    struct arena_block *b = a->blocks;
    if (b == NULL || b->size - b->used < size) {
        size_t room = size > BLOCK_SIZE - sizeof *b ? size : BLOCK_SIZE - sizeof *b;
        b = malloc(sizeof *b + room);
        if (b == NULL)
            return NULL;
        *b = (struct arena_block){.next = a->blocks, .size = room};
        a->blocks = b;
    }
    void *p = b->bytes + b->used;
    b->used += size;
    a->used += size;
    memset(p, 0, size);
    return p;
}

bool
arena_copy(struct arena *a, struct slice s, struct slice *ret_copy)
{
    char *p = arena_alloc(a, s.len + 1);
    if (p == NULL)
        return false;
    if (s.len)
        memcpy(p, s.ptr, s.len);
    *ret_copy = SLICE_OF(p, s.len);
    return true;
}
