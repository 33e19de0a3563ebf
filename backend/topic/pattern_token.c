/* pattern_token - pattern strings to tokens.
 *
 * The standard counts code points, this file bytes: every character with a meaning is ASCII, so
 * positions differ but nothing else does.
 *
 * The lenient policy exists for the constructor string parser, which looks for the borders of
 * components before any of them is judged: there a stray `(` or `:` is a token like another. */

#include "topic/pattern_token.h"

#include "topic/unicode.h"

struct reader {
    struct slice in;
    enum pattern_token_policy policy;
    struct pattern_token *tokens; /* room for every byte and the end */
    size_t count;
    size_t index;
    const char *fault; /* the first strict error, and `index` is where */
};

/* The code point at the start of `s`, which is not empty. What is not UTF-8 counts as U+FFFD, one
 * byte long. */
static uint32_t
code_point_at(struct slice s, size_t *ret_length)
{
    const unsigned char *p = (const unsigned char *)s.ptr;
    size_t more = p[0] >= 0xf0 ? 3 : p[0] >= 0xe0 ? 2 : 1;
    *ret_length = 1;
    if (p[0] < 0x80)
        return p[0];
    if (p[0] < 0xc2 || p[0] > 0xf4 || s.len <= more || !slice_is_utf8(slice_head(s, more + 1)))
        return 0xfffd;
    uint32_t c = p[0] & (0x3fu >> more);
    for (size_t i = 1; i <= more; i++)
        c = c << 6 | (p[i] & 0x3fu);
    *ret_length = more + 1;
    return c;
}

bool
pattern_token_names(uint32_t c, bool first)
{
    if (c < 0x80)
        return (c | 0x20) - 'a' < 26 || c == '_' || c == '$' || (!first && c - '0' < 10);
    if (!first && (c == 0x200c || c == 0x200d))
        return true;
    const struct unicode *u = unicode();
    return u && u->u_hasBinaryProperty((UChar32)c, first ? UCHAR_ID_START : UCHAR_ID_CONTINUE);
}

static void
add(struct reader *r, enum pattern_token_type type, size_t next, size_t value, size_t length)
{
    r->tokens[r->count++] = (struct pattern_token){
        type,
        (uint32_t)r->index,
        (uint32_t)value,
        (uint32_t)length,
    };
    r->index = next;
}

static void
add_fault(struct reader *r, size_t next, size_t value, const char *fault)
{
    if (r->policy == TOKEN_STRICT)
        r->fault = fault;
    else
        add(r, TOKEN_INVALID_CHAR, next, value, next - value);
}

static void
read_name(struct reader *r)
{
    size_t start = r->index + 1, at = start, length;
    while (at < r->in.len) {
        uint32_t c = code_point_at(slice_from(r->in, at), &length);
        if (!pattern_token_names(c, at == start))
            break;
        at += length;
    }
    if (at == start)
        add_fault(r, start, r->index, "`:` without a name");
    else
        add(r, TOKEN_NAME, at, start, at - start);
}

/* Where the regular expression that begins at `start` ends (its closing parenthesis), or 0 and
 * why it does not. */
static size_t
regexp_end(struct slice in, size_t start, const char **ret_fault)
{
    size_t depth = 1;
    for (size_t at = start; at < in.len; at++) {
        unsigned char c = (unsigned char)in.ptr[at];
        *ret_fault = "a regular expression may hold ASCII alone";
        if (c >= 0x80)
            return 0;
        if (at == start && c == '?') {
            *ret_fault = "a regular expression must not begin with `?`";
            return 0;
        }
        if (c == '\\') {
            if (++at == in.len)
                break;
            if ((unsigned char)in.ptr[at] >= 0x80)
                return 0;
        } else if (c == ')') {
            if (--depth == 0)
                return at;
        } else if (c == '(') {
            depth++;
            if (at + 1 == in.len)
                break;
            *ret_fault = "a regular expression may hold no capturing group without a name";
            if (in.ptr[at + 1] != '?')
                return 0;
        }
    }
    *ret_fault = "a parenthesis is not closed";
    return 0;
}

static void
read_regexp(struct reader *r)
{
    const char *fault = NULL;
    size_t start = r->index + 1, end = regexp_end(r->in, start, &fault);
    if (end == start)
        fault = "a regular expression is empty";
    if (end > start)
        add(r, TOKEN_REGEXP, end + 1, start, end - start);
    else
        add_fault(r, start, r->index, fault);
}

static void
read_one(struct reader *r)
{
    size_t at = r->index, length;
    switch (r->in.ptr[at]) {
    case '*':
        add(r, TOKEN_ASTERISK, at + 1, at, 1);
        return;
    case '+':
    case '?':
        add(r, TOKEN_OTHER_MODIFIER, at + 1, at, 1);
        return;
    case '{':
        add(r, TOKEN_OPEN, at + 1, at, 1);
        return;
    case '}':
        add(r, TOKEN_CLOSE, at + 1, at, 1);
        return;
    case ':':
        read_name(r);
        return;
    case '(':
        read_regexp(r);
        return;
    case '\\':
        if (at + 1 == r->in.len) {
            add_fault(r, at + 1, at, "a backslash at the end");
            return;
        }
        code_point_at(slice_from(r->in, at + 1), &length);
        add(r, TOKEN_ESCAPED_CHAR, at + 1 + length, at + 1, length);
        return;
    default:
        code_point_at(slice_from(r->in, at), &length);
        add(r, TOKEN_CHAR, at + length, at, length);
    }
}

bool
pattern_token_read(struct arena *arena, struct slice input, enum pattern_token_policy policy,
                   struct pattern_tokens *ret, struct error *err)
{
    struct reader r = {.in = input, .policy = policy};
    if (input.len >= UINT32_MAX / sizeof *r.tokens)
        return error_set(err, "too long");
    r.tokens = arena_alloc(arena, (input.len + 1) * sizeof *r.tokens);
    if (r.tokens == NULL)
        return error_set(err, "too long");
    while (r.index < input.len && r.fault == NULL)
        read_one(&r);
    if (r.fault)
        return error_set(err, "%s, at byte %zu of `" SLICE_FMT "`", r.fault, r.index,
                         SLICE_ARG(slice_head_utf8(input, 256)));
    add(&r, TOKEN_END, r.index, r.index, 0);
    *ret = (struct pattern_tokens){input, r.tokens, r.count};
    return true;
}

struct slice
pattern_token_value(const struct pattern_tokens *tokens, const struct pattern_token *t)
{
    return slice_head(slice_from(tokens->input, t->value), t->length);
}
