/* regex_set - the algebra of character classes.
 *
 * Small bit sets: 128 bits of ASCII and two more. Folding is Unicode's simple case folding, of
 * which only these lead to ASCII: A to Z, U+017F and U+212A. */

#include "topic/regex_set.h"

enum {
    LONG_S = 0x17f,
    KELVIN = 0x212a,
};

/* A to Z, and a to z. */
static const uint64_t UPPER = 0x7fffffeULL, LOWER = 0x7fffffeULL << 32;

uint32_t
regex_chars_fold_one(uint32_t c)
{
    if (c >= 'A' && c <= 'Z')
        return c + 32;
    return c == LONG_S ? 's' : c == KELVIN ? 'k' : c;
}

void
regex_chars_add(struct regex_chars *s, uint32_t first, uint32_t last)
{
    for (uint32_t c = first; c <= last && c < 128; c++)
        *(c < 64 ? &s->low : &s->high) |= 1ULL << (c & 63);
    if (first <= LONG_S && LONG_S <= last)
        s->more |= 1;
    if (first <= KELVIN && KELVIN <= last)
        s->more |= 2;
}

struct regex_chars
regex_chars_fold(struct regex_chars s)
{
    s.high |= (s.high & UPPER) << 32;
    s.high &= ~UPPER;
    if (s.more & 1)
        regex_chars_add(&s, 's', 's');
    if (s.more & 2)
        regex_chars_add(&s, 'k', 'k');
    s.more = 0;
    return s;
}

struct regex_chars
regex_chars_complement(struct regex_chars s, bool ignore_case)
{
    s.low = ~s.low;
    s.high = ~s.high;
    s.more = ~s.more & 3;
    if (ignore_case) {
        s.high &= ~UPPER;
        s.more = 0;
    }
    return s;
}

struct regex_chars
regex_chars_matching(struct regex_chars s, bool ignore_case)
{
    if (ignore_case)
        s.high |= (s.high & LOWER) >> 32;
    s.more = 0;
    return s;
}

static bool
has_string(const struct regex_set *s, struct slice text)
{
    for (const struct regex_string *i = s->strings; i; i = i->next)
        if (slice_eq(i->text, text))
            return true;
    return false;
}

/* Longer ones first, as they are tried. */
bool
regex_set_add_string(struct arena *arena, struct regex_set *s, struct slice text)
{
    struct regex_string **at = &s->strings;
    if (has_string(s, text))
        return true;
    while (*at && (*at)->text.len >= text.len)
        at = &(*at)->next;
    struct regex_string *string = arena_alloc(arena, sizeof *string);
    if (string == NULL)
        return false;
    *string = (struct regex_string){*at, text};
    *at = string;
    return true;
}

static size_t
count_strings(const struct regex_set *s)
{
    size_t n = 0;
    for (const struct regex_string *i = s->strings; i; i = i->next)
        n++;
    return n;
}

/* The shorter list goes into the longer one: classes in classes would else be copied at every
 * level. */
bool
regex_set_union(struct arena *arena, struct regex_set *a, struct regex_set *b)
{
    if (count_strings(a) < count_strings(b)) {
        struct regex_string *strings = a->strings;
        a->strings = b->strings;
        b->strings = strings;
    }
    a->chars.low |= b->chars.low;
    a->chars.high |= b->chars.high;
    a->chars.more |= b->chars.more;
    a->may_contain_strings |= b->may_contain_strings;
    for (const struct regex_string *i = b->strings; i; i = i->next)
        if (!regex_set_add_string(arena, a, i->text))
            return false;
    return true;
}

static void
keep_strings(struct regex_set *a, const struct regex_set *b, bool in_b)
{
    struct regex_string **at = &a->strings;
    while (*at) {
        if (has_string(b, (*at)->text) == in_b)
            at = &(*at)->next;
        else
            *at = (*at)->next;
    }
}

void
regex_set_intersect(struct regex_set *a, const struct regex_set *b)
{
    a->chars.low &= b->chars.low;
    a->chars.high &= b->chars.high;
    a->chars.more &= b->chars.more;
    a->may_contain_strings &= b->may_contain_strings;
    keep_strings(a, b, true);
}

void
regex_set_subtract(struct regex_set *a, const struct regex_set *b)
{
    a->chars.low &= ~b->chars.low;
    a->chars.high &= ~b->chars.high;
    a->chars.more &= ~b->chars.more;
    keep_strings(a, b, false);
}
