#ifndef UNIT_CONFIG_TEXT_H
#define UNIT_CONFIG_TEXT_H

/* A configuration out of a text, step by step. */

#include "config/config.h"
#include "config/directive.h"
#include "config/judge.h"

#include <string.h>

/* Did anything become wrong beyond the first `before`? */
static inline bool
config_is_fine(const struct config *c, size_t before, struct error *err)
{
    return c->errors.count <= before || error_set(err, "%s", c->errors.items[before]);
}

static inline bool
config_parse(struct config *c, struct slice text, const char *file, struct error *err)
{
    size_t before = c->errors.count;
    directive_read(c->reading, text, file);
    return config_is_fine(c, before, err);
}

static inline bool
config_judge(struct config *c, struct error *err)
{
    size_t before = c->errors.count;
    judge_config(c->reading);
    return config_is_fine(c, before, err);
}

/* Is there a note with these words? */
static inline bool
config_notes(const struct config *c, const char *words)
{
    for (size_t i = 0; i < c->notes.count; i++)
        if (strstr(c->notes.items[i], words))
            return true;
    return false;
}

#endif
