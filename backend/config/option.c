/* option - the one table in which a directive is known. A row says how it is read and where that
 * goes, whether a reload follows it, and what the manual says. */

#include "config/option.h"

#include "base/alloc.h"

#include <stddef.h>
#include <string.h>

/* The words of options.def. */
enum {
    RELOAD = false,
    RESTART = true,
    WORDS = false,
    BLOCK = true,
    ONLY_0X = 1u << DIALECT_0X,
    ONLY_1_0 = 1u << DIALECT_1_0,
    BOTH = ONLY_0X | ONLY_1_0,
};

#define VALUE(block_, name_, type_, field_, least_, most_, standard_, when_, dialects_, args_,     \
              help_)                                                                               \
    {.kind = OPTION_VALUE,                                                                         \
     .block = (block_),                                                                            \
     .name = #name_,                                                                               \
     .type = TYPE_##type_,                                                                         \
     .offset = offsetof(struct config, field_),                                                    \
     .least = (least_),                                                                            \
     .most = (most_),                                                                              \
     .standard = (standard_),                                                                      \
     .takes_restart = (when_),                                                                     \
     .dialects = (dialects_),                                                                      \
     .arguments = (args_),                                                                         \
     .help = (help_)},
#define SAID(kind_, name_, help_) {.kind = (kind_), .name = (name_), .help = (help_)},

const struct option option_table[] = {
#define OPTION(name, ...)       VALUE(NULL, name, __VA_ARGS__)
#define INNER(block, name, ...) VALUE(block, name, __VA_ARGS__)
#define ACCEPTED(name_, why)    SAID(OPTION_ACCEPTED, #name_, why)
#define RENAMED(name_, to)      SAID(OPTION_RENAMED, #name_, to)
#define REFUSED(name_, why)     SAID(OPTION_REFUSED, #name_, why)
#define FOREIGN(block_, name_, why)                                                                \
    {.kind = OPTION_REFUSED, .block = (block_), .name = #name_, .help = (why)},
#define GROUP(heading)    SAID(OPTION_GROUP, heading, NULL)
#define PAST(name_, text) SAID(OPTION_PAST, #name_, text)
#define PART(name_, type_, field_, when_)                                                          \
    {.kind = OPTION_PART,                                                                          \
     .name = #name_,                                                                               \
     .type = TYPE_##type_,                                                                         \
     .offset = offsetof(struct config, field_),                                                    \
     .takes_restart = (when_)},
#define SPECIAL(name_, reader, words_, standard_, when_, dialects_, args_, help_)                  \
    {.kind = OPTION_SPECIAL,                                                                       \
     .name = #name_,                                                                               \
     .takes_block = (words_),                                                                      \
     .standard = (standard_),                                                                      \
     .takes_restart = (when_),                                                                     \
     .dialects = (dialects_),                                                                      \
     .arguments = (args_),                                                                         \
     .help = (help_)},
#include "config/options.def"
};

const size_t option_count = COUNT_OF(option_table);

static bool
may_begin_a_line(const struct option *o)
{
    return o->kind != OPTION_PART && o->kind != OPTION_GROUP && o->kind != OPTION_PAST;
}

const struct option *
option_find(const char *block, struct slice name)
{
    for (size_t i = 0; i < option_count; i++) {
        const struct option *o = &option_table[i];
        if ((block ? o->block && strcmp(o->block, block) == 0 : o->block == NULL) &&
            may_begin_a_line(o) && slice_eq(name, slice_of(o->name)))
            return o;
    }
    return NULL;
}

void *
option_field(struct config *c, const struct option *o)
{
    return (char *)c + o->offset;
}

bool
option_is_list(const struct option *o)
{
    return o->type == TYPE_LIST || o->type == TYPE_ADDRESSES || o->type == TYPE_ORIGINS;
}
