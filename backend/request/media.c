/* media - the range that names a type most closely decides, and of several such any that wants it.
 *
 * Parameters but the weight are passed over: neither an event stream nor a problem has variants to
 * choose from. Who is refused an event stream never comes back, so a list that cannot be read
 * whole is no wish at all. Programs send such lists: Java's own begins "text/html, image/gif,
 * image/jpeg, *; q=.2". */

#include "request/media.h"

#include "base/byteset.h"

struct judgement {
    unsigned closeness; /* of the closest range so far */
    bool is_wanted;     /* by one as close */
    bool is_said;       /* there is a range at all */
};

/* RFC 9110, section 5.6.2. */
static bool
is_token(struct slice s)
{
    static const struct byteset marks = {
        BYTESET_LOW('!') | BYTESET_LOW('#') | BYTESET_LOW('$') | BYTESET_LOW('%') |
            BYTESET_LOW('&') | BYTESET_LOW('\'') | BYTESET_LOW('*') | BYTESET_LOW('+') |
            BYTESET_LOW('-') | BYTESET_LOW('.') | BYTESET_DIGITS,
        BYTESET_HIGH('^') | BYTESET_HIGH('_') | BYTESET_HIGH('`') | BYTESET_HIGH('|') |
            BYTESET_HIGH('~') | BYTESET_LETTERS};
    for (size_t i = 0; i < s.len; i++)
        if ((unsigned char)s.ptr[i] >= 0x80 || !byteset_has(&marks, (unsigned char)s.ptr[i]))
            return false;
    return s.len > 0;
}

bool
media_type_read(struct slice value, struct slice *ret_type)
{
    struct slice type = slice_trim(slice_head(value, slice_index(value, ';')));
    size_t slash = slice_index(type, '/');
    if (!is_token(slice_head(type, slash)) || !is_token(slice_from(type, slash + 1)))
        return false;
    *ret_type = type;
    return true;
}

/* 3: the type itself, 2: all of its kind, 1: everything, 0: not this type. */
static unsigned
closeness(struct slice range, struct slice type)
{
    size_t slash = slice_index(type, '/');
    if (slice_eq_nocase(range, type))
        return 3;
    if (slice_eq(slice_from(range, slash), SLICE("/*")) &&
        slice_eq_nocase(slice_head(range, slash), slice_head(type, slash)))
        return 2;
    return slice_eq(range, SLICE("*/*"));
}

/* A weight of 0 refuses (RFC 9110, section 12.4.2). False: it is no number. */
static bool
read_weight(struct slice text, bool *ret_is_wanted)
{
    bool is_zero = true, has_digit = false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '.')
            continue;
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return false;
        has_digit = true;
        is_zero &= text.ptr[i] == '0';
    }
    *ret_is_wanted = !is_zero;
    return has_digit;
}

static bool
read_parameters(struct slice parameters, bool *ret_is_wanted)
{
    *ret_is_wanted = true;
    while (parameters.len) {
        size_t end = slice_index_unquoted(parameters, ';');
        struct slice one = slice_head(parameters, end);
        size_t eq = slice_index(one, '=');
        parameters = slice_from(parameters, end + 1);
        if (slice_eq_nocase(slice_trim(slice_head(one, eq)), SLICE("q")) &&
            !read_weight(slice_trim(slice_from(one, eq + 1)), ret_is_wanted))
            return false;
    }
    return true;
}

static bool
judge_range(struct slice range, struct slice type, struct judgement *j)
{
    struct slice named;
    bool is_wanted;
    if (!media_type_read(range, &named) ||
        !read_parameters(slice_from(range, slice_index(range, ';') + 1), &is_wanted))
        return false;
    unsigned close = closeness(named, type);
    j->is_said = true;
    if (close > j->closeness)
        j->is_wanted = false;
    if (close >= j->closeness) {
        j->closeness = close;
        j->is_wanted |= close && is_wanted;
    }
    return true;
}

static bool
judge_list(struct slice list, struct slice type, struct judgement *j)
{
    while (list.len) {
        size_t end = slice_index_unquoted(list, ',');
        struct slice range = slice_trim(slice_head(list, end));
        list = slice_from(list, end + 1);
        if (range.len && !judge_range(range, type, j))
            return false;
    }
    return true;
}

enum media_wish
media_wish(const struct request *r, struct slice type)
{
    struct judgement j = {0};
    for (size_t i = 0; i < r->header_count; i++)
        if (slice_eq_nocase(r->headers[i].name, SLICE("Accept")) &&
            !judge_list(r->headers[i].value, type, &j))
            return MEDIA_UNSAID;
    return !j.is_said ? MEDIA_UNSAID : j.is_wanted ? MEDIA_WANTED : MEDIA_REFUSED;
}
