/* pattern_parse - the grammar of pattern strings.
 *
 * Text between groups is collected token by token in one room of the input's size: what is taken
 * out of the input once goes into it once, in order, so the pending text and the text of a `{ }`
 * are always its last bytes, and joining two neighbours costs nothing.
 *
 * A group is compared with the wildcards' own regular expressions as text, as the standard does
 * it: `(.*)` is a wildcard like `*`, and `([^\/]+?)` in a path one like `:name`. */

#include "topic/pattern_parse.h"

#include <string.h>

struct parser {
    struct arena *arena;
    const struct pattern_options *options;
    struct error *err;
    struct pattern_tokens tokens;
    size_t index;
    struct pattern_part *parts; /* room for one a token */
    size_t count;
    char *text; /* room for the whole input */
    size_t text_len;
    size_t pending; /* the pending fixed value is text[pending..text_len) */
    struct slice segment_wildcard;
};

static const struct slice FULL_WILDCARD = SLICE_INIT(".*");

static const struct pattern_token *
take(struct parser *p, enum pattern_token_type type)
{
    const struct pattern_token *t = &p->tokens.at[p->index];
    if (t->type != type)
        return NULL;
    p->index++;
    return t;
}

static const struct pattern_token *
take_modifier(struct parser *p)
{
    const struct pattern_token *t = take(p, TOKEN_OTHER_MODIFIER);
    return t ? t : take(p, TOKEN_ASTERISK);
}

static const struct pattern_token *
take_regexp_or_wildcard(struct parser *p, const struct pattern_token *name)
{
    const struct pattern_token *t = take(p, TOKEN_REGEXP);
    return t || name ? t : take(p, TOKEN_ASTERISK);
}

static void
append(struct parser *p, const struct pattern_token *t)
{
    struct slice value = pattern_token_value(&p->tokens, t);
    if (value.len)
        memcpy(p->text + p->text_len, value.ptr, value.len);
    p->text_len += value.len;
}

static struct slice
take_text(struct parser *p)
{
    size_t start = p->text_len;
    const struct pattern_token *t;
    while ((t = take(p, TOKEN_CHAR)) || (t = take(p, TOKEN_ESCAPED_CHAR)))
        append(p, t);
    return SLICE_OF(p->text + start, p->text_len - start);
}

static bool
encode(struct parser *p, struct slice in, struct slice *ret)
{
    if (p->options->encode(p->arena, in, ret))
        return true;
    return error_set(p->err, "the %s `" SLICE_FMT "` is not valid in a URL", p->options->what,
                     SLICE_ARG(slice_head_utf8(in, 256)));
}

static bool
add_text(struct parser *p, struct slice text, enum pattern_modifier modifier)
{
    struct pattern_part part = {PART_FIXED_TEXT, .modifier = modifier};
    if (!encode(p, text, &part.value))
        return false;
    p->parts[p->count++] = part;
    return true;
}

/* `upto`: where the pending text ends, if there is text behind it that does not belong to it. */
static bool
add_pending(struct parser *p, size_t upto)
{
    struct slice text = SLICE_OF(p->text + p->pending, upto - p->pending);
    p->pending = p->text_len;
    return text.len == 0 || add_text(p, text, MODIFIER_NONE);
}

static enum pattern_modifier
modifier_of(const struct parser *p, const struct pattern_token *t)
{
    if (t == NULL)
        return MODIFIER_NONE;
    switch (p->tokens.input.ptr[t->value]) {
    case '?':
        return MODIFIER_OPTIONAL;
    case '*':
        return MODIFIER_ZERO_OR_MORE;
    default:
        return MODIFIER_ONE_OR_MORE;
    }
}

static bool
name_part(struct parser *p, const struct pattern_token *name, struct slice *ret)
{
    /* Numbers are never there twice, and no name begins with a digit. */
    *ret = (struct slice){NULL, 0};
    if (name == NULL)
        return true;
    *ret = pattern_token_value(&p->tokens, name);
    for (size_t i = 0; i < p->count; i++)
        if (slice_eq(p->parts[i].name, *ret))
            return error_set(p->err, "the name `" SLICE_FMT "` is there twice in the %s",
                             SLICE_ARG(slice_head_utf8(*ret, 256)), p->options->what);
    return true;
}

/* "add a part", once pending text is dealt with. */
static bool
add_group(struct parser *p, struct slice prefix, const struct pattern_token *name,
          const struct pattern_token *group, struct slice suffix, enum pattern_modifier modifier)
{
    struct pattern_part part = {PART_REGEXP, .modifier = modifier};
    struct slice value = p->segment_wildcard;
    if (group && group->type == TOKEN_ASTERISK)
        value = FULL_WILDCARD;
    else if (group)
        value = pattern_token_value(&p->tokens, group);
    if (slice_eq(value, p->segment_wildcard))
        part.type = PART_SEGMENT_WILDCARD;
    else if (slice_eq(value, FULL_WILDCARD))
        part.type = PART_FULL_WILDCARD;
    else
        part.value = value;
    if (!name_part(p, name, &part.name) || !encode(p, prefix, &part.prefix) ||
        !encode(p, suffix, &part.suffix))
        return false;
    p->parts[p->count++] = part;
    return true;
}

/* `{ }` with what may stand behind it. */
static bool
parse_braces(struct parser *p)
{
    size_t start = p->text_len;
    struct slice prefix = take_text(p);
    const struct pattern_token *name = take(p, TOKEN_NAME);
    const struct pattern_token *group = take_regexp_or_wildcard(p, name);
    struct slice suffix = take_text(p);
    if (take(p, TOKEN_CLOSE) == NULL)
        return error_set(p->err, "`{` without a `}` in the %s, or more than one group in it",
                         p->options->what);
    enum pattern_modifier modifier = modifier_of(p, take_modifier(p));
    if (name == NULL && group == NULL && modifier == MODIFIER_NONE)
        return true; /* `{foo}`: joined to the pending text, where it is already */
    if (!add_pending(p, start))
        return false;
    if (name || group)
        return add_group(p, prefix, name, group, suffix, modifier);
    return prefix.len == 0 || add_text(p, prefix, modifier);
}

static bool
parse_one(struct parser *p)
{
    size_t before = p->text_len;
    const struct pattern_token *character = take(p, TOKEN_CHAR);
    const struct pattern_token *name = take(p, TOKEN_NAME);
    const struct pattern_token *group = take_regexp_or_wildcard(p, name);
    if (character)
        append(p, character);
    if (name || group) {
        struct slice prefix = SLICE_OF(p->text + before, p->text_len - before);
        if (prefix.len && (prefix.len != 1 || prefix.ptr[0] != p->options->prefix)) {
            prefix.len = 0;
            before = p->text_len;
        }
        if (!add_pending(p, before))
            return false;
        enum pattern_modifier modifier = modifier_of(p, take_modifier(p));
        return add_group(p, prefix, name, group, SLICE(""), modifier);
    }
    if (character)
        return true;
    const struct pattern_token *escaped = take(p, TOKEN_ESCAPED_CHAR);
    if (escaped) {
        append(p, escaped);
        return true;
    }
    if (take(p, TOKEN_OPEN))
        return parse_braces(p);
    if (!add_pending(p, p->text_len))
        return false;
    if (take(p, TOKEN_END) == NULL)
        return error_set(p->err, "a stray `" SLICE_FMT "` in the %s",
                         SLICE_ARG(pattern_token_value(&p->tokens, &p->tokens.at[p->index])),
                         p->options->what);
    return true;
}

bool
pattern_parse(struct arena *arena, struct slice input, const struct pattern_options *options,
              struct pattern_parts *ret, struct error *err)
{
    struct parser p = {.arena = arena, .options = options, .err = err};
    char delimiter[] = {'[', '^', '\\', options->delimiter, ']', '+', '?'};
    p.segment_wildcard = SLICE("[^]+?");
    if (options->delimiter)
        p.segment_wildcard = SLICE_OF(delimiter, sizeof delimiter);
    if (!pattern_token_read(arena, input, TOKEN_STRICT, &p.tokens, err))
        return false;
    p.parts = arena_alloc(arena, p.tokens.count * sizeof *p.parts);
    p.text = arena_alloc(arena, input.len + 1);
    if (p.parts == NULL || p.text == NULL)
        return error_set(err, "too long");
    while (p.index < p.tokens.count)
        if (!parse_one(&p))
            return false;
    *ret = (struct pattern_parts){p.parts, p.count};
    return true;
}

static void
add_escaped(struct buf *out, struct slice in, const char *special)
{
    for (size_t i = 0; i < in.len; i++) {
        if (in.ptr[i] && strchr(special, in.ptr[i]))
            buf_add_byte(out, '\\');
        buf_add_byte(out, in.ptr[i]);
    }
}

bool
pattern_parse_escape(struct arena *arena, struct slice in, struct slice *ret)
{
    struct buf out;
    buf_init(&out, 2 * in.len);
    add_escaped(&out, in, "+*?:{}()\\");
    bool done = !out.failed && arena_copy(arena, buf_slice(&out), ret);
    buf_fini(&out);
    return done;
}

static void
add_literal(struct buf *out, struct slice in)
{
    add_escaped(out, in, ".+*?^${}()[]|/\\");
}

static void
add_wildcard(struct buf *out, const struct pattern_part *part, const struct pattern_options *o)
{
    if (part->type == PART_REGEXP)
        buf_add(out, part->value);
    else if (part->type == PART_FULL_WILDCARD)
        buf_add(out, FULL_WILDCARD);
    else if (o->delimiter)
        buf_addf(out, "[^\\%c]+?", o->delimiter);
    else
        buf_add(out, SLICE("[^]+?"));
}

static void
add_part(struct buf *out, const struct pattern_part *part, const struct pattern_options *o)
{
    static const char *const suffixes[] = {"", "?", "*", "+"};
    struct slice modifier = slice_of(suffixes[part->modifier]);
    bool repeats = part->modifier >= MODIFIER_ZERO_OR_MORE;
    if (part->type == PART_FIXED_TEXT) {
        if (modifier.len)
            buf_add(out, SLICE("(?:"));
        add_literal(out, part->value);
        if (modifier.len)
            buf_add_byte(out, ')');
        buf_add(out, modifier);
    } else if (part->prefix.len == 0 && part->suffix.len == 0) {
        buf_add(out, repeats ? SLICE("((?:") : SLICE("("));
        add_wildcard(out, part, o);
        buf_add_byte(out, ')');
        buf_add(out, modifier);
        if (repeats)
            buf_add_byte(out, ')');
    } else if (!repeats) {
        buf_add(out, SLICE("(?:"));
        add_literal(out, part->prefix);
        buf_add_byte(out, '(');
        add_wildcard(out, part, o);
        buf_add_byte(out, ')');
        add_literal(out, part->suffix);
        buf_add_byte(out, ')');
        buf_add(out, modifier);
    } else {
        buf_add(out, SLICE("(?:"));
        add_literal(out, part->prefix);
        buf_add(out, SLICE("((?:"));
        add_wildcard(out, part, o);
        buf_add(out, SLICE(")(?:"));
        add_literal(out, part->suffix);
        add_literal(out, part->prefix);
        buf_add(out, SLICE("(?:"));
        add_wildcard(out, part, o);
        buf_add(out, SLICE("))*)"));
        add_literal(out, part->suffix);
        buf_add_byte(out, ')');
        if (part->modifier == MODIFIER_ZERO_OR_MORE)
            buf_add_byte(out, '?');
    }
}

void
pattern_parse_regexp(const struct pattern_parts *parts, const struct pattern_options *options,
                     struct buf *ret)
{
    buf_add_byte(ret, '^');
    for (size_t i = 0; i < parts->count; i++)
        add_part(ret, &parts->at[i], options);
    buf_add_byte(ret, '$');
}
