/* restart - sockets, threads, memory and files that are laid out once: the rows of options.def that
 * say RESTART. A reload names those that were changed, and goes on with the old values. */

#include "config/restart.h"

#include "base/alloc.h"
#include "config/option.h"

#include <stdlib.h>
#include <string.h>

static bool
lists_are_equal(const struct string_list *a, const struct string_list *b)
{
    bool equal = a->count == b->count;
    for (size_t i = 0; equal && i < a->count; i++)
        equal = strcmp(a->items[i], b->items[i]) == 0;
    return equal;
}

/* True if they differed; then *to is as *from. */
static bool
keep_list(struct string_list *to, const struct string_list *from)
{
    if (lists_are_equal(to, from))
        return false;
    string_list_clear(to);
    for (size_t i = 0; i < from->count; i++)
        string_list_add(to, slice_of(from->items[i]));
    return true;
}

static bool
keep_text(char **to, char *const *from)
{
    if (slice_eq(slice_of(*to), slice_of(*from)))
        return false;
    free(*to);
    *to = *from ? xstrndup(*from, strlen(*from)) : NULL;
    return true;
}

static bool
keep_bytes(void *to, const void *from, size_t size)
{
    if (memcmp(to, from, size) == 0)
        return false;
    memcpy(to, from, size);
    return true;
}

static bool
keep(const struct option *o, void *to, const void *from)
{
    switch (o->type) {
    case TYPE_LIST:
    case TYPE_ADDRESSES:
    case TYPE_ORIGINS:
        return keep_list(to, from);
    case TYPE_STRING:
    case TYPE_PATH:
        return keep_text(to, from);
    case TYPE_FLAG:
        return keep_bytes(to, from, sizeof(bool));
    case TYPE_CHOICE:
        return keep_bytes(to, from, sizeof(unsigned));
    case TYPE_NUMBER:
    case TYPE_DURATION:
    case TYPE_SIZE:
        return keep_bytes(to, from, sizeof(uint64_t));
    case TYPE_NONE:
    case TYPE_KEY:
    case TYPE_URL:
        break; /* keys are what a reload is for */
    }
    return false;
}

void
restart_keep(struct config *fresh, const struct config *running, struct string_list *ret_names)
{
    for (size_t i = 0; i < option_count; i++) {
        const struct option *o = &option_table[i];
        if (!o->takes_restart || o->type == TYPE_NONE)
            continue;
        if (keep(o, option_field(fresh, o), (const char *)running + o->offset) &&
            !string_list_has(ret_names, slice_of(o->name)))
            string_list_add(ret_names, slice_of(o->name));
    }
}
