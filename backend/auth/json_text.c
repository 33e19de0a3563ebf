/* json_text - steps over values without understanding them.
 *
 * The parser keeps the order of members, so the nth of an object is the nth in the text: no name is
 * compared with the text. */

#include "auth/json_text.h"

#include <jansson.h>
#include <string.h>

static bool
is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static size_t
skip_blanks(struct slice s, size_t at)
{
    while (at < s.len && is_blank(s.ptr[at]))
        at++;
    return at;
}

/* `at` is at the opening quote; behind the closing one. */
static size_t
skip_string(struct slice s, size_t at)
{
    for (at++; at < s.len;) {
        const char *quote = memchr(s.ptr + at, '"', s.len - at);
        if (quote == NULL)
            return s.len;
        size_t end = (size_t)(quote - s.ptr), slashes = 0;
        while (end - slashes > at && quote[-(long)slashes - 1] == '\\')
            slashes++;
        if (slashes % 2 == 0)
            return end + 1;
        at = end + 1;
    }
    return s.len;
}

/* A number, true, false or null. */
static size_t
skip_word(struct slice s, size_t at)
{
    while (at < s.len && s.ptr[at] != ',' && s.ptr[at] != '}' && s.ptr[at] != ']' &&
           !is_blank(s.ptr[at]))
        at++;
    return at;
}

static size_t
skip_value(struct slice s, size_t at)
{
    size_t depth = 0;
    if (at < s.len && s.ptr[at] == '"')
        return skip_string(s, at);
    if (at < s.len && s.ptr[at] != '{' && s.ptr[at] != '[')
        return skip_word(s, at);
    while (at < s.len) {
        switch (s.ptr[at]) {
        case '"':
            at = skip_string(s, at);
            continue;
        case '{':
        case '[':
            depth++;
            break;
        case '}':
        case ']':
            if (--depth == 0)
                return at + 1;
            break;
        }
        at++;
    }
    return at;
}

struct slice
json_text_nth(struct slice s, size_t nth)
{
    size_t at = skip_blanks(s, 0);
    if (at >= s.len || (s.ptr[at] != '{' && s.ptr[at] != '['))
        return SLICE_OF(NULL, 0);
    bool is_object = s.ptr[at] == '{';
    for (at = skip_blanks(s, at + 1); at < s.len && s.ptr[at] != '}' && s.ptr[at] != ']';) {
        if (is_object) {
            at = skip_blanks(s, skip_string(s, at));
            at = skip_blanks(s, at + 1); /* the colon */
        }
        size_t end = skip_value(s, at);
        if (nth-- == 0)
            return slice_head(slice_from(s, at), end - at);
        at = skip_blanks(s, end);
        if (at < s.len && s.ptr[at] == ',')
            at = skip_blanks(s, at + 1);
    }
    return SLICE_OF(NULL, 0);
}

struct slice
json_text_member(struct slice text, const struct json_t *object, const char *name)
{
    const char *key;
    json_t *value;
    size_t nth = 0;
    json_object_foreach((json_t *)object, key, value)
    {
        if (strcmp(key, name) == 0)
            return json_text_nth(text, nth);
        nth++;
    }
    return SLICE("");
}

void
json_text_compact(struct slice s, struct buf *out)
{
    for (size_t at = 0; at < s.len;) {
        size_t end = at + 1;
        if (s.ptr[at] == '"')
            end = skip_string(s, at);
        if (!is_blank(s.ptr[at]))
            buf_add(out, slice_head(slice_from(s, at), end - at));
        at = end;
    }
}
