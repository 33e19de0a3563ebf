/* restart - sockets, threads, memory and files that are laid out once. A reload names the
 * directives among them that were changed, and goes on with the old values. */

#include "config/restart.h"

#include "base/alloc.h"
#include "config/option.h"

#include <stdlib.h>
#include <string.h>

static const struct {
    const char *block, *name;
} fixed[] = {
    {NULL, "listen"},
    {NULL, "metrics_listen"},
    {NULL, "workers"},
    {NULL, "path"},
    {NULL, "name"},
    {NULL, "tail"},
    {NULL, "token_cache"},
    {NULL, "max_connections"},
    {NULL, "fastcgi_multiplexing"},
    {NULL, "max_requests_per_connection"},
    {NULL, "max_batch_bytes"},
    {"transport log", "path"},
    {"transport log", "unsafe_filesystem"},
    {"history", "max_events"},
    {"history", "max_bytes"},
    {"history", "max_age"},
};

bool
restart_takes(const char *block, const char *name)
{
    for (size_t i = 0; i < COUNT_OF(fixed); i++)
        if (strcmp(fixed[i].name, name) == 0 &&
            (block ? fixed[i].block && strcmp(fixed[i].block, block) == 0 : !fixed[i].block))
            return true;
    return false;
}

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
    case TYPE_CHOICE:
        return keep_bytes(to, from, sizeof(bool));
    case TYPE_ENUM:
        return keep_bytes(to, from, sizeof(unsigned));
    case TYPE_NUMBER:
    case TYPE_DURATION:
    case TYPE_SIZE:
        return keep_bytes(to, from, sizeof(uint64_t));
    case TYPE_KEY:
    case TYPE_URL:
        break; /* keys are what a reload is for */
    }
    return false;
}

void
restart_keep(struct config *fresh, const struct config *running, struct string_list *ret_names)
{
    for (size_t i = 0; i < COUNT_OF(fixed); i++) {
        const struct option *o = option_find(fixed[i].block, slice_of(fixed[i].name));
        if (o == NULL)
            continue;
        void *to = option_field(fresh, o);
        if (keep(o, to, (const char *)running + ((char *)to - (char *)fresh)))
            string_list_add(ret_names, slice_of(o->name));
    }
    if (keep_bytes(&fresh->in_memory, &running->in_memory, sizeof fresh->in_memory))
        string_list_add(ret_names, SLICE("transport"));
    if (keep_bytes(&fresh->sync_interval_ms, &running->sync_interval_ms,
                   sizeof fresh->sync_interval_ms))
        string_list_add(ret_names, SLICE("durability"));
    bool log = keep_bytes(&fresh->log_format, &running->log_format, sizeof fresh->log_format);
    log |= keep_text(&fresh->log_file, &running->log_file);
    if (log)
        string_list_add(ret_names, SLICE("log"));
}
