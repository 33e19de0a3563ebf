/* option - the table of options at work: a row says how a value is read and where it goes. */

#include "config/option.h"

#include "base/alloc.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

const struct option option_table[] = {
#define OPTION(name_, type_, field_, least_, most_, standard_, arguments_, help_)                  \
    INNER(NULL, name_, type_, field_, least_, most_, standard_, arguments_, help_)
#define INNER(block_, name_, type_, field_, least_, most_, standard_, arguments_, help_)           \
    {block_,    #name_,     TYPE_##type_, offsetof(struct config, field_), least_, most_,          \
     standard_, arguments_, help_},
#define GROUP(title)
#define OTHER(signature, standard, help)
#define PAST(name, text)
#include "config/options.def"
#undef PAST
#undef OTHER
#undef GROUP
#undef INNER
#undef OPTION
};

const size_t option_count = COUNT_OF(option_table);

const struct option *
option_find(const char *block, struct slice name)
{
    for (size_t i = 0; i < option_count; i++) {
        const struct option *o = &option_table[i];
        if ((block ? o->block && strcmp(o->block, block) == 0 : o->block == NULL) &&
            slice_eq(name, slice_of(o->name)))
            return o;
    }
    return NULL;
}

void *
option_field(struct config *c, const struct option *o)
{
    return (char *)c + o->offset;
}

/* A number and one of the units that follow it in the table; the empty unit may be first. */
struct unit {
    const char *name;
    uint64_t factor;
};

static const struct unit durations[] = {
    {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
static const struct unit sizes[] = {
    {"", 1},      {"B", 1},        {"KiB", 1024},     {"MiB", 1048576}, {"GiB", 1073741824},
    {"KB", 1000}, {"MB", 1000000}, {"GB", 1000000000}};

static bool
read_with_unit(struct slice text, const struct unit *units, size_t count, uint64_t *ret)
{
    size_t digits = 0;
    while (digits < text.len && text.ptr[digits] >= '0' && text.ptr[digits] <= '9')
        digits++;
    for (size_t i = 0; i < count; i++) {
        if (!slice_eq_nocase(slice_from(text, digits), slice_of(units[i].name)))
            continue;
        return slice_u64(slice_head(text, digits), UINT64_MAX / units[i].factor, ret) &&
               (*ret *= units[i].factor, true);
    }
    return false;
}

bool
option_duration(struct slice text, uint64_t *ret_ms)
{
    return read_with_unit(text, durations, COUNT_OF(durations), ret_ms);
}

static bool
set_number(const struct option *o, uint64_t *field, struct slice text, struct error *err)
{
    uint64_t value = 0;
    bool ok = o->type == TYPE_DURATION
                  ? read_with_unit(text, durations, COUNT_OF(durations), &value) ||
                        (slice_eq(text, SLICE("0")))
              : o->type == TYPE_SIZE ? read_with_unit(text, sizes, COUNT_OF(sizes), &value)
                                     : slice_u64(text, UINT64_MAX, &value);
    if (!ok)
        return error_set(err, "%s: expected %s, as in %s %s", o->name, o->arguments, o->name,
                         o->standard);
    if (value < o->least || value > o->most)
        return error_set(err, "%s: must be from %llu to %llu%s", o->name,
                         (unsigned long long)o->least, (unsigned long long)o->most,
                         o->type == TYPE_DURATION ? " ms"
                         : o->type == TYPE_SIZE   ? " bytes"
                                                  : "");
    *field = value;
    return true;
}

static bool
set_path(const struct option *o, char **field, struct slice text, struct error *err)
{
    bool ok = text.len > 1 && text.ptr[0] == '/' && text.ptr[text.len - 1] != '/' &&
              slice_find(text, SLICE("//")) == text.len;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        ok &= (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
              (c && strchr("/-._~", c) != NULL);
    }
    if (!ok)
        return error_set(err,
                         "%s: a path begins with / and holds letters, digits, - . _ ~ and "
                         "single slashes, none at its end",
                         o->name);
    free(*field);
    *field = xstrndup(text.ptr, text.len);
    return true;
}

static bool
set_choice(const struct option *o, unsigned *field, struct slice text, struct error *err)
{
    struct slice all = slice_of(o->arguments), choice;
    for (unsigned i = 0; slice_cut(&all, '|', &choice); i++) {
        if (!slice_eq(choice, text))
            continue;
        *field = i;
        return true;
    }
    return error_set(err, "%s: expected %s", o->name, o->arguments);
}

bool
option_set(struct config *c, const struct option *o, const struct slice *args, size_t count,
           struct error *err)
{
    void *field = option_field(c, o);
    size_t most = o->type == TYPE_LIST || o->type == TYPE_URL ? o->most : o->type != TYPE_FLAG;
    if (o->type == TYPE_KEY)
        most = 2;
    if (count > most || (count == 0 && o->type != TYPE_FLAG))
        return error_set(err, "%s: expected %s %s", o->name, o->name, o->arguments);
    switch (o->type) {
    case TYPE_LIST:
        if (field == &c->listen && !c->listen_is_set) {
            string_list_clear(&c->listen);
            c->listen_is_set = true;
        }
        for (size_t i = 0; i < count; i++)
            string_list_add(field, args[i]);
        return true;
    case TYPE_NUMBER:
    case TYPE_DURATION:
    case TYPE_SIZE:
        c->body_size_is_set |= field == &c->max_request_body_size;
        return set_number(o, field, args[0], err);
    case TYPE_PATH:
        return set_path(o, field, args[0], err);
    case TYPE_STRING:
        free(*(char **)field);
        *(char **)field = xstrndup(args[0].ptr, args[0].len);
        return true;
    case TYPE_KEY:
        return key_setting_set_key(field, c, o->name, args, count, err);
    case TYPE_URL:
        return key_setting_set_url(field, c, o->name, args, count, err);
    case TYPE_FLAG:
        *(bool *)field = true;
        return true;
    case TYPE_CHOICE: {
        unsigned choice = 0;
        bool ok = set_choice(o, &choice, args[0], err);
        *(bool *)field = choice == 1;
        return ok;
    }
    case TYPE_ENUM:
        return set_choice(o, field, args[0], err);
    }
    return false;
}

bool
option_set_block(struct config *c, const char *block, const struct slice *words, size_t count,
                 struct error *err)
{
    for (size_t at = 0; at < count;) {
        const struct option *o = option_find(block, words[at]);
        if (o == NULL)
            return error_set(err,
                             "%s: unknown " SLICE_FMT "; alipes config --help lists what it "
                             "takes",
                             block, SLICE_ARG(slice_head(words[at], 60)));
        at++;
        size_t args = o->type != TYPE_FLAG && at < count;
        if (!option_set(c, o, words + at, args, err))
            return false;
        at += args;
    }
    return true;
}
