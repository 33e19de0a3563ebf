#ifndef CONFIG_OPTION_H
#define CONFIG_OPTION_H

/* The table of directives (options.def), whoever reads them. */

#include "config/settings.h"

enum option_kind {
    OPTION_VALUE,    /* its words are a value: OPTION and INNER */
    OPTION_SPECIAL,  /* a function reads it */
    OPTION_PART,     /* a field that the SPECIAL one above sets */
    OPTION_ACCEPTED, /* somebody else's, without effect: help says why */
    OPTION_RENAMED,  /* help is what it is here */
    OPTION_REFUSED,  /* help says why */
    OPTION_GROUP,    /* name is a heading */
    OPTION_PAST,     /* help is what happens past the bound above */
};

enum option_type {
    TYPE_NONE,
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
    TYPE_CHOICE, /* the number of one of the arguments */
};

struct option {
    enum option_kind kind;
    const char *block; /* NULL: a directive; else it stands in the block of that one */
    const char *name;
    enum option_type type;
    size_t offset; /* VALUE, PART: of the field */
    uint64_t least, most;
    const char *standard, *arguments, *help;
    bool takes_block, takes_restart;
    unsigned dialects; /* bits of enum dialect: where it means something */
};

extern const struct option option_table[];
extern const size_t option_count;

/* Of any kind that a line may begin with. NULL: there is none. `block` NULL: a directive of its
 * own. */
const struct option *option_find(const char *block, struct slice name);
void *option_field(struct config *, const struct option *);
bool option_is_list(const struct option *);

#endif
