#ifndef TESTS_SLOW_TEMPLATE_H
#define TESTS_SLOW_TEMPLATE_H

/* The second opinion on topic/template.c: backtracking, straight from PROTOCOL.md's sentence, for a
 * template known to be valid. Exponential: for short inputs, and it says when it has had enough. */

#include "base/slice.h"

#include <string.h>

struct slow {
    long patience; /* calls left; below 0 the answer means nothing */
};

static bool slow_match(struct slow *, struct slice template, struct slice topic);

static bool
slow_is_hex(char c)
{
    return c && strchr("0123456789abcdefABCDEF", c) != NULL;
}

/* One allowed character at the start of `topic`: how long is it? 0: there is none. */
static size_t
slow_allowed(const char *allowed, struct slice topic)
{
    if (topic.len >= 3 && topic.ptr[0] == '%' && slow_is_hex(topic.ptr[1]) &&
        slow_is_hex(topic.ptr[2]))
        return 3;
    return topic.len && topic.ptr[0] && strchr(allowed, topic.ptr[0]) ? 1 : 0;
}

/* A run, further runs, and what stands behind the expression. */
static bool
slow_runs(struct slow *slow, const char *allowed, char sep, size_t more, struct slice rest,
          struct slice topic)
{
    if (--slow->patience < 0)
        return false;
    if (slow_match(slow, rest, topic))
        return true;
    size_t one = slow_allowed(allowed, topic);
    if (one && slow_runs(slow, allowed, sep, more, rest, slice_from(topic, one)))
        return true;
    return more && topic.len && topic.ptr[0] == sep &&
           slow_runs(slow, allowed, sep, more - 1, rest, slice_from(topic, 1));
}

static bool
slow_match(struct slow *slow, struct slice template, struct slice topic)
{
    if (--slow->patience < 0)
        return false;
    if (template.len == 0)
        return topic.len == 0;
    if (template.ptr[0] != '{')
        return topic.len && topic.ptr[0] == template.ptr[0] &&
               slow_match(slow, slice_from(template, 1), slice_from(topic, 1));
    size_t end = slice_index(template, '}');
    struct slice inside = slice_from(slice_head(template, end), 1);
    struct slice rest = slice_from(template, end + 1);
    char op = inside.len && strchr("+#./;?&", inside.ptr[0]) ? inside.ptr[0] : 0;
    bool explode = slice_count(inside, '*') > 0;
    size_t more = explode ? topic.len : slice_count(inside, ',');
    char sep = op == 0 || op == '+' || op == '#' ? ',' : op == '?' ? '&' : op;
    char allowed[128] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";
    char *at = allowed + strlen(allowed);
    if (op == '+' || op == '#') {
        memcpy(at, ":/?#[]@!$&'()*+,;=", 19);
    } else {
        *at++ = ',';
        if (explode || op == ';' || op == '?' || op == '&')
            *at = '=';
    }
    if (slow_match(slow, rest, topic))
        return true;
    if (op && op != '+') {
        if (topic.len == 0 || topic.ptr[0] != op)
            return false;
        topic = slice_from(topic, 1);
    }
    return slow_runs(slow, allowed, sep, more, rest, topic);
}

#endif
