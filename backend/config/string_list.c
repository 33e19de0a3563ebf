/* string_list - a short list of texts; looked through, never indexed. */

#include "config/string_list.h"

#include "base/alloc.h"

#include <stdlib.h>

void
string_list_add(struct string_list *l, struct slice text)
{
    l->items = xrealloc(l->items, (l->count + 1) * sizeof *l->items);
    l->items[l->count++] = xstrndup(text.ptr, text.len);
}

void
string_list_clear(struct string_list *l)
{
    for (size_t i = 0; i < l->count; i++)
        free(l->items[i]);
    free(l->items);
    *l = (struct string_list){0};
}

bool
string_list_has(const struct string_list *l, struct slice text)
{
    for (size_t i = 0; i < l->count; i++)
        if (slice_eq(slice_of(l->items[i]), text))
            return true;
    return false;
}
