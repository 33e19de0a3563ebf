/* template - URI Templates matched without backtracking.
 *
 * A template is a row of items: literals and expressions. A match walks the row once and keeps, as
 * a set of bits, every offset of the topic at which the items so far can end. A literal moves each
 * of them by its length; an expression is one sweep over the topic from the lowest of them. So the
 * time is items times bytes, and no template can make it more.
 *
 * What one gets wrong: an expression is an optional group, FIRST run (SEP run){0,more}, and a run
 * may be empty and swallows separators where they are allowed in it: then, and with an explode
 * modifier, the count of the separators means nothing, and SEP joins the run. In a sweep the offset
 * reached with fewer separators is always the better one, so one number an offset is enough. */

#include "topic/template.h"

#include "base/alloc.h"
#include "base/ascii.h"

#include <stdlib.h>
#include <string.h>

enum {
    WORDS_ON_STACK = 16, /* topics under a KiB need no memory */
    BYTES_A_STEP = 8,
    DEAD = UINT32_MAX, /* no run holds this offset */
};

/* What a run may hold. */
enum {
    UNRESERVED = 1,
    RESERVED = 2, /* with , and = among them */
    COMMA = 4,
    EQUALS = 8,
};

struct item {
    struct slice literal; /* an expression if it is empty */
    unsigned char allowed;
    bool has_first;
    char first, sep;
    bool sep_in_run;
    uint32_t more; /* separators, at most */
};

struct template
{
    size_t item_count, size;
    struct item items[];
};

static const struct {
    char sign; /* 0: simple expansion */
    bool has_first, is_named, with_reserved;
    char sep;
} operators[] = {
    {0, false, false, false, ','},  {'+', false, false, true, ','}, {'#', true, false, true, ','},
    {'.', true, false, false, '.'}, {'/', true, false, false, '/'}, {';', true, true, false, ';'},
    {'?', true, true, false, '&'},  {'&', true, true, false, '&'},
};

/* What the classes are made of; every other byte is in none. */
static const unsigned char classes[256] = {
    ['a' ... 'z'] = UNRESERVED, ['A' ... 'Z'] = UNRESERVED, ['0' ... '9'] = UNRESERVED,
    ['-'] = UNRESERVED,         ['.'] = UNRESERVED,         ['_'] = UNRESERVED,
    ['~'] = UNRESERVED,         [':'] = RESERVED,           ['/'] = RESERVED,
    ['?'] = RESERVED,           ['#'] = RESERVED,           ['['] = RESERVED,
    [']'] = RESERVED,           ['@'] = RESERVED,           ['!'] = RESERVED,
    ['$'] = RESERVED,           ['&'] = RESERVED,           ['\''] = RESERVED,
    ['('] = RESERVED,           [')'] = RESERVED,           ['*'] = RESERVED,
    ['+'] = RESERVED,           [';'] = RESERVED,           [','] = RESERVED | COMMA,
    ['='] = RESERVED | EQUALS,
};

static unsigned char
class_of(char c)
{
    return classes[(unsigned char)c];
}

static bool
is_triplet(struct slice s, size_t at)
{
    return s.len - at >= 3 && s.ptr[at] == '%' && ascii_hex(s.ptr[at + 1]) >= 0 &&
           ascii_hex(s.ptr[at + 2]) >= 0;
}

/* ucschar and iprivate of RFC 6570, section 1.5. */
static bool
is_wide_literal(uint32_t c)
{
    if (c < 0xa0 || (c & 0xfffe) == 0xfffe)
        return false;
    if (c < 0x10000)
        return !(c >= 0xfdd0 && c <= 0xfdef) && c < 0xfff0;
    return !(c >= 0xe0000 && c <= 0xe0fff);
}

/* The text is well-formed UTF-8. */
static uint32_t
code_point(const unsigned char *at, size_t *ret_len)
{
    if (at[0] < 0xe0) {
        *ret_len = 2;
        return (at[0] & 0x1fu) << 6 | (at[1] & 0x3fu);
    }
    if (at[0] < 0xf0) {
        *ret_len = 3;
        return (at[0] & 0xfu) << 12 | (at[1] & 0x3fu) << 6 | (at[2] & 0x3fu);
    }
    *ret_len = 4;
    return (at[0] & 7u) << 18 | (at[1] & 0x3fu) << 12 | (at[2] & 0x3fu) << 6 | (at[3] & 0x3fu);
}

static bool
is_literal(struct slice s)
{
    for (size_t i = 0, len; i < s.len; i += len) {
        unsigned char c = (unsigned char)s.ptr[i];
        len = 1;
        if (c >= 0x80) {
            if (!is_wide_literal(code_point((const unsigned char *)s.ptr + i, &len)))
                return false;
        } else if (c == '%') {
            if (!is_triplet(s, i))
                return false;
        } else if (c <= 0x20 || c == 0x7f || memchr("\"<>\\^`{|}", c, 9)) {
            return false;
        }
    }
    return true;
}

static bool
is_name(struct slice s)
{
    bool after_dot = true; /* or at the begin */
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == '.' && !after_dot) {
            after_dot = true;
            continue;
        }
        if (is_triplet(s, i))
            i += 2;
        else if (s.ptr[i] != '_' &&
                 (class_of(s.ptr[i]) != UNRESERVED || memchr("-.~", s.ptr[i], 3)))
            return false;
        after_dot = false;
    }
    return !after_dot;
}

/* One variable with its modifier. */
static bool
read_variable(struct slice s, bool *explode)
{
    if (slice_ends(s, SLICE("*"))) {
        *explode = true;
        return is_name(slice_head(s, s.len - 1));
    }
    size_t colon = slice_index(s, ':');
    uint64_t length;
    if (colon < s.len) {
        struct slice digits = slice_from(s, colon + 1);
        if (!slice_u64(digits, 9999, &length) || digits.ptr[0] == '0')
            return false;
    }
    return is_name(slice_head(s, colon));
}

/* What stands between the braces. */
static bool
read_expression(struct slice s, struct item *it)
{
    size_t op = 0;
    for (size_t i = 1; i < COUNT_OF(operators) && s.len; i++)
        if (s.ptr[0] == operators[i].sign)
            op = i;
    if (op)
        s = slice_from(s, 1);
    bool explode = false;
    uint32_t count = 0;
    for (;;) {
        size_t end = slice_index(s, ',');
        if (!read_variable(slice_head(s, end), &explode))
            return false;
        count++;
        if (end == s.len)
            break;
        s = slice_from(s, end + 1);
    }
    it->first = operators[op].sign;
    it->has_first = operators[op].has_first;
    it->sep = operators[op].sep;
    it->allowed = UNRESERVED;
    if (operators[op].with_reserved)
        it->allowed |= RESERVED;
    else
        it->allowed |= COMMA | (operators[op].is_named || explode ? EQUALS : 0);
    it->sep_in_run = explode || (class_of(it->sep) & it->allowed);
    it->more = it->sep_in_run ? 0 : count - 1;
    return true;
}

/* Where what stands first in `rest` ends: a literal, or an expression with its braces. */
static size_t
item_end(struct slice rest)
{
    size_t open = slice_index(rest, '{'), close = slice_index(rest, '}');
    return open ? open : close < rest.len ? close + 1 : rest.len;
}

static size_t
count_items(struct slice rest)
{
    size_t count = 0;
    for (; rest.len; rest = slice_from(rest, item_end(rest)))
        count++;
    return count;
}

/* NULL, or what is wrong with it. */
static const char *
read_item(struct slice text, struct item *it)
{
    if (text.ptr[0] != '{') {
        it->literal = text;
        return is_literal(text) ? NULL : "a character that a URI Template must not hold";
    }
    if (slice_ends(text, SLICE("}")) &&
        read_expression(slice_head(slice_from(text, 1), text.len - 2), it))
        return NULL;
    return "an expression that RFC 6570 does not know";
}

struct template *
template_new(struct slice text, struct error *err)
{
    if (!slice_is_utf8(text)) {
        error_set(err, "a URI Template is UTF-8");
        return NULL;
    }
    size_t count = count_items(text), size = count * sizeof(struct item) + text.len;
    struct template *t = try_alloc(sizeof *t + size);
    if (t == NULL) {
        error_set(err, "no memory");
        return NULL;
    }
    t->size = sizeof *t + size;
    t->item_count = count;
    char *copy = (char *)(t->items + count);
    if (text.len)
        memcpy(copy, text.ptr, text.len);
    struct slice rest = SLICE_OF(copy, text.len);
    for (size_t i = 0; i < count; i++) {
        size_t end = item_end(rest);
        const char *fault = read_item(slice_head(rest, end), &t->items[i]);
        if (fault) {
            error_set(err, "%s", fault);
            template_free(&t);
            return NULL;
        }
        rest = slice_from(rest, end);
    }
    return t;
}

size_t
template_size(const struct template *t)
{
    return t->size;
}

void
template_free(struct template **ref)
{
    free(*ref);
    *ref = NULL;
}

struct slice
template_prefix(const struct template *t)
{
    return t->item_count ? t->items[0].literal : SLICE("");
}

/* --- matching ------------------------------------------------------------------------------- */

/* Offsets 0 to topic.len, one bit each; `low` is not above the lowest, `high` the highest. */
struct offsets {
    uint64_t *words;
    size_t low, high;
    bool any;
};

static inline void
offsets_add(struct offsets *set, size_t at)
{
    set->words[at / 64] |= UINT64_C(1) << at % 64;
    if (!set->any || at < set->low)
        set->low = at;
    if (!set->any || at > set->high)
        set->high = at;
    set->any = true;
}

/* The first one at or behind `at`, or SIZE_MAX. */
static size_t
offsets_next(const struct offsets *set, size_t at)
{
    if (!set->any || at > set->high)
        return SIZE_MAX;
    uint64_t word = set->words[at / 64] >> at % 64;
    if (word)
        return at + (size_t)__builtin_ctzll(word);
    for (size_t i = at / 64 + 1; i <= set->high / 64; i++)
        if (set->words[i])
            return i * 64 + (size_t)__builtin_ctzll(set->words[i]);
    return SIZE_MAX;
}

static void
offsets_clear(struct offsets *set)
{
    if (set->any)
        memset(set->words + set->low / 64, 0,
               (set->high / 64 - set->low / 64 + 1) * sizeof *set->words);
    set->any = false;
}

/* Returns what it cost, in bytes swept. */
static size_t
pass_literal(struct slice literal, struct slice topic, const struct offsets *from,
             struct offsets *to)
{
    size_t tried = 0;
    if (topic.len < literal.len)
        return 1;
    for (size_t i = from->low / 64; i <= from->high / 64; i++) {
        for (uint64_t word = from->words[i]; word; word &= word - 1) {
            size_t at = i * 64 + (size_t)__builtin_ctzll(word);
            tried++;
            if (at > topic.len - literal.len)
                return 3 * tried;
            const char *ptr = topic.ptr + at;
            if (ptr[0] == literal.ptr[0] &&
                (literal.len == 1 || memcmp(ptr, literal.ptr, literal.len) == 0))
                offsets_add(to, at + literal.len);
        }
    }
    return tried * (3 + literal.len / 16);
}

static inline bool
is_allowed(const struct item *it, char c)
{
    return (class_of(c) & it->allowed) || (it->sep_in_run && c == it->sep);
}

/* Offsets first to last. */
static void
offsets_add_range(struct offsets *set, size_t first, size_t last)
{
    offsets_add(set, first);
    offsets_add(set, last);
    if (first / 64 == last / 64) {
        set->words[first / 64] |= UINT64_MAX << first % 64 & UINT64_MAX >> (63 - last % 64);
        return;
    }
    set->words[first / 64] |= UINT64_MAX << first % 64;
    for (size_t i = first / 64 + 1; i < last / 64; i++)
        set->words[i] = UINT64_MAX;
    set->words[last / 64] |= UINT64_MAX >> (63 - last % 64);
}

/* Where the separators need not be counted: every offset of a run can be its end, and a run that
 * begins inside another one adds nothing. Returns the bytes swept. */
static size_t
sweep(const struct item *it, struct slice topic, const struct offsets *from, struct offsets *to)
{
    size_t swept = 0, end = 0; /* of the runs so far; none begins at 0 but the first */
    for (size_t start = offsets_next(from, from->low); start != SIZE_MAX;
         start = offsets_next(from, start + 1)) {
        size_t at = start + it->has_first;
        /* Inside of a run already, and not of a triplet in it? */
        bool inside = at <= end && (to->words[at / 64] >> at % 64 & 1);
        offsets_add(to, start); /* the group is optional */
        swept += 2;
        if (inside || (it->has_first && (start == topic.len || topic.ptr[start] != it->first)))
            continue;
        size_t first = at;
        for (;;) {
            while (at < topic.len && is_allowed(it, topic.ptr[at]))
                at++;
            offsets_add_range(to, first, at);
            if (!is_triplet(topic, at))
                break;
            first = at = at + 3;
        }
        swept += at - start;
        end = at;
    }
    return swept;
}

static void
better(uint32_t *used, uint32_t by)
{
    if (by < *used)
        *used = by;
}

/* Where they are counted. */
static size_t
sweep_counted(const struct item *it, struct slice topic, const struct offsets *from,
              struct offsets *to)
{
    /* Of the offsets at, at + 1, ... at + 3: separators used up to there. */
    uint32_t used[4] = {DEAD, DEAD, DEAD, DEAD};
    size_t swept = 0, start = offsets_next(from, from->low), at = start;
    while (at <= topic.len) {
        if (at == start) {
            offsets_add(to, at); /* the group is optional */
            if (!it->has_first)
                used[0] = 0;
            else if (at < topic.len && topic.ptr[at] == it->first)
                used[1] = 0;
            start = offsets_next(from, at + 1);
        }
        if (used[0] != DEAD) {
            offsets_add(to, at);
            if (at == topic.len)
                break;
            if (is_allowed(it, topic.ptr[at]))
                better(&used[1], used[0]);
            else if (is_triplet(topic, at))
                better(&used[3], used[0]);
            else if (topic.ptr[at] == it->sep && used[0] < it->more)
                better(&used[1], used[0] + 1);
        }
        memmove(used, used + 1, 3 * sizeof used[0]);
        used[3] = DEAD;
        at++;
        swept++;
        if (used[0] == DEAD && used[1] == DEAD && used[2] == DEAD) {
            if (start == SIZE_MAX)
                break;
            at = start;
        }
    }
    return 4 * swept; /* so much slower than the other */
}

static enum match
walk(const struct template *t, struct slice topic, uint64_t *words, size_t count, uint64_t *steps)
{
    struct offsets sets[2] = {{.words = words}, {.words = words + count}};
    struct offsets *from = &sets[0], *to = &sets[1];
    offsets_add(from, 0);
    for (size_t i = 0; i < t->item_count; i++) {
        const struct item *it = &t->items[i];
        size_t work = it->literal.len ? pass_literal(it->literal, topic, from, to)
                      : it->more      ? sweep_counted(it, topic, from, to)
                                      : sweep(it, topic, from, to);
        if (!match_spend(steps, 1 + work / BYTES_A_STEP))
            return MATCH_LIMIT;
        if (!to->any)
            return MATCH_NO;
        offsets_clear(from);
        struct offsets *old = from;
        from = to;
        to = old;
    }
    return from->high == topic.len ? MATCH_YES : MATCH_NO;
}

enum match
template_match(const struct template *t, struct slice topic, uint64_t *steps)
{
    uint64_t on_stack[2 * WORDS_ON_STACK] = {0}, *words = on_stack;
    if (t->item_count == 0)
        return topic.len ? MATCH_NO : MATCH_YES;
    /* Most topics that do not match fail here. */
    if (!slice_starts(topic, t->items[0].literal) ||
        !slice_ends(topic, t->items[t->item_count - 1].literal))
        return MATCH_NO;
    size_t count = topic.len / 64 + 1;
    if (!match_spend(steps, count / BYTES_A_STEP))
        return MATCH_LIMIT;
    if (count > WORDS_ON_STACK && (words = try_alloc(2 * count * sizeof *words)) == NULL)
        return MATCH_LIMIT;
    enum match answer = walk(t, topic, words, count, steps);
    if (words != on_stack)
        free(words);
    return answer;
}
