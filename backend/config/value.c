/* value - the words of a directive, read as its row says, into the field that the row names. */

#include "config/value.h"

#include "base/address.h"
#include "base/alloc.h"
#include "config/origin_setting.h"

#include <stdlib.h>
#include <string.h>

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
value_duration(struct slice text, uint64_t *ret_ms)
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

static bool
read_item(const struct option *o, struct slice text, struct buf *out, struct error *err)
{
    struct address unused;
    struct error why;
    bool ok = true;
    char *copy = xstrndup(text.ptr, text.len);
    if (o->type == TYPE_ORIGINS) {
        ok = origin_setting_read(text, out, &why);
    } else {
        ok = o->type != TYPE_ADDRESSES || address_read(copy, &unused, &why);
        buf_add(out, text);
    }
    free(copy);
    return ok ? true : error_set(err, "%s: %.400s", o->name, why.text);
}

/* What was said before by whoever gives way is dropped at the first word of the other. */
static bool
add_to_list(struct config_reading *r, const struct option *o, const struct slice *args,
            size_t count, struct error *err)
{
    struct string_list *list = option_field(r->config, o);
    if (!reading_sees(r, o->block, o->name))
        string_list_clear(list);
    for (size_t i = 0; i < count; i++) {
        struct buf item;
        buf_init(&item, args[i].len + 64);
        bool ok = read_item(o, args[i], &item, err);
        if (ok)
            string_list_add(list, buf_slice(&item));
        buf_fini(&item);
        if (!ok)
            return false;
    }
    return true;
}

static bool
set_text(const struct option *o, char **field, struct slice text, struct error *err)
{
    if (text.len < o->least)
        return error_set(err, "%s: it is empty", o->name);
    free(*field);
    *field = xstrndup(text.ptr, text.len);
    return true;
}

static bool
set_key(struct config_reading *r, const struct option *o, const struct slice *args, size_t count,
        struct error *err)
{
    struct error why;
    struct key_setting *k = option_field(r->config, o);
    bool ok =
        (o->type == TYPE_KEY ? reading_set_key : reading_set_url)(r, k, o->name, args, count, &why);
    return ok ? true : error_set(err, "%s: %.400s", o->name, why.text);
}

/* Of a directive that does not add up the last one counts; whoever wrote it twice should hear. */
static void
note_repetition(struct config_reading *r, const struct option *o)
{
    if (reading_sees(r, o->block, o->name))
        settings_note(r->config, o->name,
                      o->type == TYPE_KEY
                          ? "it is there twice: the last one counts, and tokens of the other are "
                            "refused"
                          : "it is there twice: the last one counts");
}

static bool
count_is_right(const struct option *o, size_t count, struct error *err)
{
    bool many = option_is_list(o) || o->type == TYPE_URL;
    size_t least = o->type != TYPE_FLAG;
    size_t most = many ? o->most : o->type == TYPE_KEY ? 2 : least;
    if (count >= least && count <= most)
        return true;
    if (o->type == TYPE_FLAG)
        return error_set(err,
                         "%s takes no value: the line alone switches it on, and without the line "
                         "it is off",
                         o->name);
    return error_set(err, "%s: expected %s %s%s", o->name, o->name, o->arguments,
                     o->type == TYPE_KEY && count > most
                         ? "; a key with blanks or of several lines stands in quotes"
                         : "");
}

bool
value_set(struct config_reading *r, const struct option *o, const struct slice *args, size_t count,
          struct error *err)
{
    void *field = option_field(r->config, o);
    if (!count_is_right(o, count, err))
        return false;
    if (!option_is_list(o) && o->type != TYPE_FLAG)
        note_repetition(r, o);
    switch (o->type) {
    case TYPE_LIST:
    case TYPE_ADDRESSES:
    case TYPE_ORIGINS:
        return add_to_list(r, o, args, count, err);
    case TYPE_NUMBER:
    case TYPE_DURATION:
    case TYPE_SIZE:
        return set_number(o, field, args[0], err);
    case TYPE_PATH:
        return set_path(o, field, args[0], err);
    case TYPE_STRING:
        return set_text(o, field, args[0], err);
    case TYPE_KEY:
    case TYPE_URL:
        return set_key(r, o, args, count, err);
    case TYPE_FLAG:
        *(bool *)field = true;
        return true;
    case TYPE_CHOICE:
        return set_choice(o, field, args[0], err);
    case TYPE_NONE:
        break;
    }
    return false;
}
