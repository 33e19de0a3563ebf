#ifndef CONFIG_OPTION_H
#define CONFIG_OPTION_H

/* The table of options (options.def), and the reading of one value. */

#include "config/config.h"

enum option_type {
    TYPE_LIST,
    TYPE_ADDRESSES, /* a list of where to listen */
    TYPE_ORIGINS,   /* a list of origins */
    TYPE_NUMBER,
    TYPE_PATH,
    TYPE_STRING,
    TYPE_KEY,
    TYPE_URL,
    TYPE_FLAG,
    TYPE_DURATION,
    TYPE_SIZE,
    TYPE_CHOICE, /* of two */
    TYPE_ENUM,
};

struct option {
    const char *block; /* NULL: a directive; else it stands in the block of that one */
    const char *name;
    enum option_type type;
    size_t offset;
    uint64_t least, most;
    const char *standard, *arguments, *help;
};

extern const struct option option_table[];
extern const size_t option_count;

/* NULL: there is none. `block` NULL: a directive of its own. */
const struct option *option_find(const char *block, struct slice name);
void *option_field(struct config *, const struct option *);
bool option_is_list(const struct option *);
MUST_CHECK bool option_set(struct config *, const struct option *, const struct slice *args,
                           size_t count, struct error *);
/* What stands inside a block: names, each with its value, on one line or on several. */
MUST_CHECK bool option_set_block(struct config *, const char *block, const struct slice *words,
                                 size_t count, struct error *);
MUST_CHECK bool option_duration(struct slice text, uint64_t *ret_ms);

#endif
