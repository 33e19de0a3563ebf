/* regex_reader - characters, escapes and classes of regular expressions.
 *
 * With the flag `v` a class is an expression of its own: classes in classes, `--`, `&&`, strings.
 * It is worked out while it is read, down to a set.
 *
 * What a reader gets wrong: a class is either a union, or a chain of `--`, or a chain of `&&`,
 * never two of them; only a union may have ranges; and whether a class may be negated follows
 * from what it could contain by its form, not from what it does contain. */

#include "topic/regex_reader.h"

#include "base/ascii.h"
#include "topic/regex_property.h"

#include <string.h>

#define FAULT regex_reader_fault
#define PEEK  regex_reader_peek
#define TAKE  regex_reader_take

enum {
    NO_CHARACTER = UINT32_MAX,
};

bool
regex_reader_fault(struct regex_reader *r, const char *what)
{
    return error_set(r->err, "%s, at byte %zu of `" SLICE_FMT "`", what, r->at,
                     SLICE_ARG(slice_head(r->in, 256)));
}

/* Exactly `digits` of them. */
static bool
read_hex(struct regex_reader *r, unsigned digits, uint32_t *ret)
{
    uint32_t value = 0;
    for (unsigned i = 0; i < digits; i++) {
        int digit = ascii_hex(PEEK(r, i));
        if (digit < 0)
            return false;
        value = value << 4 | (uint32_t)digit;
    }
    r->at += digits;
    *ret = value;
    return true;
}

static bool
read_braced_hex(struct regex_reader *r, uint32_t *ret)
{
    uint32_t value = 0;
    size_t start = r->at;
    for (; ascii_hex(PEEK(r, 0)) >= 0; r->at++) {
        value = value << 4 | (uint32_t)ascii_hex(PEEK(r, 0));
        if (value > 0x10ffff)
            return FAULT(r, "a code point beyond U+10FFFF");
    }
    if (r->at == start || !TAKE(r, '}'))
        return FAULT(r, "an ill-formed \\u{…}");
    *ret = value;
    return true;
}

bool
regex_reader_unicode(struct regex_reader *r, uint32_t *ret)
{
    uint32_t low;
    if (!TAKE(r, 'u'))
        return FAULT(r, "an invalid escape");
    if (TAKE(r, '{'))
        return read_braced_hex(r, ret);
    if (!read_hex(r, 4, ret))
        return FAULT(r, "an ill-formed \\u");
    if (*ret >= 0xd800 && *ret < 0xdc00 && PEEK(r, 0) == '\\' && PEEK(r, 1) == 'u') {
        size_t before = r->at;
        r->at += 2;
        if (read_hex(r, 4, &low) && low >= 0xdc00 && low < 0xe000)
            *ret = 0x10000 + ((*ret - 0xd800) << 10 | (low - 0xdc00));
        else
            r->at = before;
    }
    return true;
}

bool
regex_reader_escape(struct regex_reader *r, uint32_t *ret)
{
    static const char letters[] = "fnrtv", controls[] = "\f\n\r\t\v";
    int c = PEEK(r, 0);
    if (c == 'u')
        return regex_reader_unicode(r, ret);
    if (c <= 0)
        return FAULT(r, "a backslash at the end");
    r->at++;
    const char *control = strchr(letters, c);
    if (control) {
        *ret = (uint32_t)controls[control - letters];
    } else if (c == 'c') {
        int letter = PEEK(r, 0);
        if (!ascii_is_letter(letter))
            return FAULT(r, "\\c without a letter");
        r->at++;
        *ret = (uint32_t)letter & 31;
    } else if (c == '0') {
        if (ascii_is_digit(PEEK(r, 0)))
            return FAULT(r, "an octal escape");
        *ret = 0;
    } else if (c == 'x') {
        if (!read_hex(r, 2, ret))
            return FAULT(r, "an ill-formed \\x");
    } else if (strchr("^$\\.*+?()[]{}|/", c)) {
        *ret = (uint32_t)c;
    } else {
        return FAULT(r, "an invalid escape");
    }
    return true;
}

/* --- sets ------------------------------------------------------------------------------------- */

static void
add_range(const struct regex_reader *r, struct regex_set *set, uint32_t first, uint32_t last)
{
    struct regex_chars chars = {0};
    regex_chars_add(&chars, first, last);
    if (r->ignore_case)
        chars = regex_chars_fold(chars);
    set->chars.low |= chars.low;
    set->chars.high |= chars.high;
    set->chars.more |= chars.more;
}

static bool
read_property_word(struct regex_reader *r, struct slice *ret)
{
    size_t start = r->at;
    int c;
    while (c = PEEK(r, 0), ascii_is_alnum(c) || c == '_')
        r->at++;
    *ret = SLICE_OF(r->in.ptr + start, r->at - start);
    return ret->len > 0;
}

static bool
read_property(struct regex_reader *r, bool negative, struct regex_set *ret)
{
    struct slice name, value = {NULL, 0};
    bool has_value, of_strings;
    *ret = (struct regex_set){0};
    if (!TAKE(r, '{') || !read_property_word(r, &name))
        return FAULT(r, "an ill-formed \\p");
    has_value = TAKE(r, '=');
    if ((has_value && !read_property_word(r, &value)) || !TAKE(r, '}'))
        return FAULT(r, "an ill-formed \\p");
    if (!regex_property_find(name, value, has_value, &ret->chars, &of_strings))
        return FAULT(r, "an unknown property");
    if (negative && of_strings)
        return FAULT(r, "\\P of a property of strings");
    ret->may_contain_strings = of_strings;
    return true;
}

bool
regex_reader_class_escape(struct regex_reader *r, struct regex_set *ret, bool *ret_found)
{
    struct regex_set set = {0};
    int c = PEEK(r, 0);
    *ret_found = true;
    switch (c) {
    case 'd':
    case 'D':
        regex_chars_add(&set.chars, '0', '9');
        break;
    case 's':
    case 'S':
        regex_chars_add(&set.chars, '\t', '\r');
        regex_chars_add(&set.chars, ' ', ' ');
        break;
    case 'w':
    case 'W':
        regex_chars_add(&set.chars, '0', '9');
        regex_chars_add(&set.chars, 'A', 'Z');
        regex_chars_add(&set.chars, 'a', 'z');
        regex_chars_add(&set.chars, '_', '_');
        break;
    case 'p':
    case 'P':
        r->at++;
        if (!read_property(r, c == 'P', &set))
            return false;
        r->at--;
        break;
    default:
        *ret_found = false;
        return true;
    }
    r->at++;
    if (r->ignore_case)
        set.chars = regex_chars_fold(set.chars);
    if (c < 'a')
        set.chars = regex_chars_complement(set.chars, r->ignore_case);
    *ret = set;
    return true;
}

/* ClassSetCharacter */
static bool
read_set_character(struct regex_reader *r, uint32_t *ret)
{
    int c = PEEK(r, 0);
    if (c < 0)
        return FAULT(r, "a `[` is not closed");
    if (c && strchr("()[]{}/-|", c))
        return FAULT(r, "a character of a class that must be escaped");
    if (c && strchr("&!#$%*+,.:;<=>?@^`~", c) && PEEK(r, 1) == c)
        return FAULT(r, "two punctuators that are reserved in a class");
    r->at++;
    *ret = (uint32_t)c;
    if (c != '\\')
        return true;
    c = PEEK(r, 0);
    if (c > 0 && strchr("&-!#%,:;<=>@`~", c)) {
        r->at++;
        *ret = (uint32_t)c;
        return true;
    }
    if (TAKE(r, 'b')) {
        *ret = '\b';
        return true;
    }
    return regex_reader_escape(r, ret);
}

/* Reads one alternative of \q{…}, and writes it where `text` is not NULL. */
static bool
read_string_into(struct regex_reader *r, char *text, size_t *ret_length, uint32_t *ret_last,
                 bool *ret_ascii)
{
    size_t length = 0;
    *ret_ascii = true;
    while (PEEK(r, 0) != '}' && PEEK(r, 0) != '|') {
        if (!read_set_character(r, ret_last))
            return false;
        if (r->ignore_case)
            *ret_last = regex_chars_fold_one(*ret_last);
        *ret_ascii &= *ret_last < 128;
        if (text)
            text[length] = (char)*ret_last;
        length++;
    }
    *ret_length = length;
    return true;
}

static bool
read_string(struct regex_reader *r, struct regex_set *ret)
{
    size_t length, start = r->at;
    uint32_t last = 0;
    bool ascii;
    if (!read_string_into(r, NULL, &length, &last, &ascii))
        return false;
    if (length == 1) {
        add_range(r, ret, last, last);
        return true;
    }
    ret->may_contain_strings = true;
    if (!ascii)
        return true; /* matches nothing here */
    char *text = arena_alloc(r->arena, length);
    r->at = start;
    if (text == NULL || !read_string_into(r, text, &length, &last, &ascii) ||
        !regex_set_add_string(r->arena, ret, SLICE_OF(text, length)))
        return FAULT(r, "too long");
    return true;
}

static bool
read_strings(struct regex_reader *r, struct regex_set *ret)
{
    *ret = (struct regex_set){0};
    if (!TAKE(r, '{'))
        return FAULT(r, "an ill-formed \\q");
    do {
        if (!read_string(r, ret))
            return false;
    } while (TAKE(r, '|'));
    r->at++; /* the `}` that ended the last one */
    return true;
}

/* ClassSetOperand. *ret_character: what it is, if it is a single character that could begin a
 * range. */
static bool
read_operand(struct regex_reader *r, struct regex_set *ret, uint32_t *ret_character)
{
    bool found;
    *ret_character = NO_CHARACTER;
    *ret = (struct regex_set){0};
    if (TAKE(r, '['))
        return regex_reader_class(r, ret);
    if (PEEK(r, 0) == '\\') {
        r->at++;
        if (TAKE(r, 'q'))
            return read_strings(r, ret);
        if (!regex_reader_class_escape(r, ret, &found))
            return false;
        if (found)
            return true;
        r->at--;
    }
    if (!read_set_character(r, ret_character))
        return false;
    add_range(r, ret, *ret_character, *ret_character);
    return true;
}

static bool
take_two(struct regex_reader *r, int c)
{
    if (PEEK(r, 0) != c || PEEK(r, 1) != c)
        return false;
    r->at += 2;
    return true;
}

/* What stands behind the first operand of a chain of `&&` or `--`. */
static bool
read_chain(struct regex_reader *r, int sign, struct regex_set *set)
{
    struct regex_set operand;
    uint32_t character;
    while (take_two(r, sign)) {
        if (sign == '&' && PEEK(r, 0) == '&')
            return FAULT(r, "`&&&`");
        if (!read_operand(r, &operand, &character))
            return false;
        if (sign == '&')
            regex_set_intersect(set, &operand);
        else
            regex_set_subtract(set, &operand);
    }
    return PEEK(r, 0) == ']' || FAULT(r, "a class that is no union, nor a chain of one operator");
}

static bool
read_union(struct regex_reader *r, struct regex_set *set, uint32_t character)
{
    struct regex_set operand;
    for (;;) {
        if (character != NO_CHARACTER && TAKE(r, '-')) {
            uint32_t last;
            if (!read_set_character(r, &last))
                return false;
            if (last < character)
                return FAULT(r, "a range that is out of order");
            add_range(r, set, character, last);
        }
        if (PEEK(r, 0) == ']')
            return true;
        if (!read_operand(r, &operand, &character))
            return false;
        if (!regex_set_union(r->arena, set, &operand))
            return FAULT(r, "too long");
    }
}

static bool
read_contents(struct regex_reader *r, struct regex_set *set)
{
    uint32_t character;
    if (PEEK(r, 0) == ']')
        return true;
    if (!read_operand(r, set, &character))
        return false;
    for (int i = 0; i < 2; i++) {
        int sign = "&-"[i];
        if (PEEK(r, 0) == sign && PEEK(r, 1) == sign)
            return read_chain(r, sign, set);
    }
    return read_union(r, set, character);
}

bool
regex_reader_class(struct regex_reader *r, struct regex_set *ret)
{
    struct regex_set set = {0};
    if (++r->depth > REGEX_MAX_DEPTH)
        return FAULT(r, "nested too deeply");
    bool negative = TAKE(r, '^');
    if (!read_contents(r, &set))
        return false;
    if (!TAKE(r, ']'))
        return FAULT(r, "a `[` is not closed");
    r->depth--;
    if (negative) {
        if (set.may_contain_strings)
            return FAULT(r, "a negated class that may contain strings");
        set.chars = regex_chars_complement(set.chars, r->ignore_case);
    }
    *ret = set;
    return true;
}
