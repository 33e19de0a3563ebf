/* judge - a configuration as a whole: what contradicts itself is refused, what is merely unwise is
 * said. */

#include "config/judge.h"

#include "base/alloc.h"

#include <string.h>

enum {
    SHORT_KEY = 32
};

static const char *const example_keys[] = {"!ChangeThis", "changeme", "your-"};

static bool
has_bare_star_beside_others(const struct string_list *l)
{
    for (size_t i = 0; i < l->count; i++)
        if (strcmp(l->items[i], "*") == 0)
            return l->count > 1;
    return false;
}

static void
judge_key(struct config *c, const char *name, const struct string *key)
{
    if (key->len && key->len < SHORT_KEY)
        config_note(c, name, "the key is shorter than 32 bytes, too short for HS256");
    for (size_t i = 0; i < COUNT_OF(example_keys); i++)
        if (slice_starts(SLICE_OF(key->ptr, key->len), slice_of(example_keys[i])))
            config_note(c, name, "the key is a well-known example; make one of your own");
}

bool
judge_config(struct config *c, struct error *err)
{
    judge_key(c, "publisher_jwt", &c->publisher_jwt_key);
    judge_key(c, "subscriber_jwt", &c->subscriber_jwt_key);
    if (c->heartbeat_ms == 0)
        config_note(c, "heartbeat",
                    "off: most fronts notice a client that left only when they write to "
                    "it, and cut silent streams after 60 s");
    if (has_bare_star_beside_others(&c->cors_origins))
        config_note(c, "cors_origins",
                    "* lets every origin in, without cookies; for cookies name the "
                    "origins and leave * out");
    if (c->publisher_jwt_key.len == 0)
        config_note(c, "publisher_jwt", "there is none: nobody can publish");
    if (c->in_memory && c->history_is_set)
        return error_set(err, "history and durability are of transport log; with transport memory "
                              "there is tail alone");
    if (!c->in_memory && c->max_update_size > c->max_bytes / 4)
        return error_set(err, "max_update_size: at most a quarter of history's max_bytes");
    if (c->subscriber_jwt_key.len == 0 && !c->anonymous)
        return error_set(err, "neither subscriber_jwt nor anonymous is there: nobody could "
                              "subscribe");
    return true;
}
