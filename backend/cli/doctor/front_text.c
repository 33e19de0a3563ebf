/* front_text - pure functions on the text of a web server's file. */

#include "cli/doctor/front_text.h"

#include "base/compiler.h"

#include <ctype.h>
#include <string.h>

void
front_text_plain(struct slice raw, struct buf *out)
{
    struct slice line;
    while (slice_cut(&raw, '\n', &line)) {
        bool was_blank = true;
        buf_add_byte(out, '\n');
        for (size_t i = 0; i < line.len; i++) {
            char c = line.ptr[i];
            bool is_blank = c == ' ' || c == '\t' || c == '\r';
            if (c == '#' && was_blank)
                break;
            if (!(is_blank && was_blank))
                buf_add_byte(out, is_blank ? ' ' : c);
            was_blank = is_blank;
        }
    }
    buf_add_byte(out, '\n');
}

/* Index of `word` at or behind `from`, or text.len. */
static size_t
find_word(struct slice text, size_t from, struct slice word)
{
    for (size_t i = from; word.len && i + word.len <= text.len; i++)
        if (tolower((unsigned char)text.ptr[i]) == tolower((unsigned char)word.ptr[0]) &&
            slice_eq_nocase(SLICE_OF(text.ptr + i, word.len), word))
            return i;
    return text.len;
}

bool
front_text_has(const struct buf *text, const char *words)
{
    struct slice rest = slice_of(words), word;
    while (slice_cut(&rest, '|', &word))
        if (find_word(buf_slice(text), 0, word) < text->len)
            return true;
    return false;
}

static double
number_of(struct slice *s)
{
    double number = 0;
    for (; s->len && isdigit((unsigned char)s->ptr[0]); *s = slice_from(*s, 1))
        number = number * 10 + (s->ptr[0] - '0');
    return number;
}

/* Digits and, behind them, a unit. */
static double
seconds_of(struct slice s, double standard)
{
    static const struct {
        const char *unit;
        double seconds;
    } units[] = {{"ms", 0.001}, {"s", 1}, {"min", 60}, {"m", 60}, {"h", 3600}, {"d", 86400}};
    double number = number_of(&s);
    for (size_t i = 0; i < COUNT_OF(units); i++)
        if (slice_starts(s, slice_of(units[i].unit)))
            return number * units[i].seconds;
    return number * standard;
}

/* What stands behind the next such word and begins with a digit. False: none is left. */
static bool
next_value(struct slice *rest, const char *word, struct slice *ret)
{
    size_t at, len = strlen(word);
    while ((at = find_word(*rest, 0, slice_of(word))) < rest->len) {
        *ret = *rest = slice_from(*rest, at + len);
        if (ret->len && isdigit((unsigned char)ret->ptr[0]))
            return true;
    }
    return false;
}

bool
front_text_longest(const struct buf *text, const char *word, double standard, double *ret)
{
    struct slice rest = buf_slice(text), value;
    bool found = false;
    for (; next_value(&rest, word, &value); found = true) {
        double seconds = seconds_of(value, standard);
        *ret = found && *ret > seconds ? *ret : seconds;
    }
    return found;
}

bool
front_text_number(const struct buf *text, const char *word, double *ret)
{
    struct slice rest = buf_slice(text), value;
    bool found = false;
    for (; next_value(&rest, word, &value); found = true)
        *ret = number_of(&value);
    return found;
}
