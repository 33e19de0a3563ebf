/* request_table - an array of 65,536, in pieces that are there while somebody is in them. */

#include "gateway/fastcgi/request_table.h"

#include "base/alloc.h"

#include <stdlib.h>

struct fastcgi_request *
request_table_find(const struct request_table *t, uint16_t id)
{
    struct fastcgi_request **piece = t ? t->pieces[id / REQUEST_TABLE_PIECE] : NULL;
    return piece ? piece[id % REQUEST_TABLE_PIECE] : NULL;
}

void
request_table_add(struct request_table *t, uint16_t id, struct fastcgi_request *r)
{
    struct fastcgi_request ***piece = &t->pieces[id / REQUEST_TABLE_PIECE];
    if (*piece == NULL)
        *piece = xalloc(REQUEST_TABLE_PIECE * sizeof **piece);
    (*piece)[id % REQUEST_TABLE_PIECE] = r;
    t->used[id / REQUEST_TABLE_PIECE]++;
}

void
request_table_remove(struct request_table *t, uint16_t id)
{
    struct fastcgi_request ***piece = &t->pieces[id / REQUEST_TABLE_PIECE];
    (*piece)[id % REQUEST_TABLE_PIECE] = NULL;
    if (--t->used[id / REQUEST_TABLE_PIECE])
        return;
    free(*piece);
    *piece = NULL;
}
