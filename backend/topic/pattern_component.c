/* pattern_component - from a pattern string to what matches.
 *
 * Most components are `*`, fixed text, or text and wildcards: those get no regular expression,
 * but nothing at all, the text, or a small program (topic/pattern_program.h). Only a group with a
 * regular expression of its own makes the component one, and then as a whole, as the standard
 * generates it: groups count across parts, and a back reference may reach from one to another. */

#include "topic/pattern_component.h"

#include "topic/pattern_program.h"
#include "topic/url_canonical.h"

static bool
canonical_port(struct arena *arena, struct slice in, struct slice *ret)
{
    return url_canonical_port(arena, in, SLICE(""), ret);
}

static const struct pattern_options options[PATTERN_COMPONENTS] = {
    [PATTERN_PROTOCOL] = {.what = "protocol", .encode = url_canonical_protocol},
    [PATTERN_USERNAME] = {.what = "username", .encode = url_canonical_username},
    [PATTERN_PASSWORD] = {.what = "password", .encode = url_canonical_password},
    [PATTERN_HOSTNAME] = {"hostname", '.', 0, url_canonical_hostname},
    [PATTERN_PORT] = {.what = "port", .encode = canonical_port},
    [PATTERN_PATHNAME] = {"pathname", '/', '/', url_canonical_pathname},
    [PATTERN_SEARCH] = {.what = "search", .encode = url_canonical_search},
    [PATTERN_HASH] = {.what = "hash", .encode = url_canonical_hash},
};
const struct pattern_options PATTERN_HIERARCHICAL_PATHNAME = {"pathname", '/', '/',
                                                              url_canonical_pathname};
const struct pattern_options PATTERN_OPAQUE_PATHNAME = {.what = "pathname",
                                                        .encode = url_canonical_opaque_pathname};
const struct pattern_options PATTERN_IPV6_HOSTNAME = {"hostname", '.', 0,
                                                      url_canonical_ipv6_hostname};

const struct pattern_options *
pattern_component_options(enum pattern_component_name name)
{
    return &options[name];
}

static bool
is_plain_wildcard(const struct pattern_parts *parts)
{
    const struct pattern_part *first = parts->at;
    return parts->count == 1 && first->type == PART_FULL_WILDCARD && first->prefix.len == 0 &&
           first->suffix.len == 0;
}

static bool
has_regexp(const struct pattern_parts *parts)
{
    for (size_t i = 0; i < parts->count; i++)
        if (parts->at[i].type == PART_REGEXP)
            return true;
    return false;
}

/* The text that comes first whatever the groups match. */
static void
add_literal(const struct pattern_parts *parts, struct buf *literal)
{
    size_t i = 0;
    for (; i < parts->count && parts->at[i].type == PART_FIXED_TEXT; i++) {
        if (parts->at[i].modifier != MODIFIER_NONE)
            return;
        buf_add(literal, parts->at[i].value);
    }
    if (i == parts->count)
        return;
    enum pattern_modifier modifier = parts->at[i].modifier;
    if (modifier == MODIFIER_NONE || modifier == MODIFIER_ONE_OR_MORE)
        buf_add(literal, parts->at[i].prefix);
}

static bool
compile_regex(const struct pattern_parts *parts, const struct pattern_options *o, size_t size,
              struct pattern_component *ret, struct error *err)
{
    struct buf text;
    struct error why = {""};
    /* Nothing of the input is there more than twice, and escaped at most once. */
    buf_init(&text, 4 * size + 64 * (parts->count + 1));
    pattern_parse_regexp(parts, o, &text);
    struct regex *regex = text.failed ? NULL : regex_new(buf_slice(&text), &why);
    buf_fini(&text);
    if (regex == NULL)
        return error_set(err, "the %s's regular expression: %s", o->what,
                         why.text[0] ? why.text : "too long");
    *ret = (struct pattern_component){.regex = regex, .kind = COMPONENT_REGEX};
    return true;
}

static size_t
parts_size(const struct pattern_parts *parts)
{
    size_t size = 0;
    for (size_t i = 0; i < parts->count; i++)
        size += parts->at[i].value.len + parts->at[i].prefix.len + parts->at[i].suffix.len;
    return size;
}

bool
pattern_component_compile(struct arena *arena, struct slice input, const struct pattern_options *o,
                          struct buf *programs, struct buf *literal, struct pattern_component *ret,
                          struct error *err)
{
    struct pattern_parts parts;
    if (!pattern_parse(arena, input, o, &parts, err))
        return false;
    if (literal)
        add_literal(&parts, literal);
    if (has_regexp(&parts))
        return compile_regex(&parts, o, parts_size(&parts), ret, err);
    struct pattern_component c = {.at = (uint32_t)programs->len, .kind = COMPONENT_ANY};
    if (!is_plain_wildcard(&parts)) {
        c.kind = COMPONENT_TEXT;
        if (!pattern_program_write_text(&parts, programs)) {
            c.kind = COMPONENT_PROGRAM;
            pattern_program_write(&parts, o->delimiter, programs);
        }
    }
    if (programs->failed || programs->len >= 1 << 29)
        return error_set(err, "too long");
    c.length = (uint32_t)(programs->len - c.at) & 0x1fffffff;
    *ret = c;
    return true;
}

void
pattern_component_fini(struct pattern_component *c)
{
    if (c->kind == COMPONENT_REGEX)
        regex_free(&c->regex);
    *c = (struct pattern_component){0};
}

enum match
pattern_component_match(const struct pattern_component *c, const char *programs,
                        struct slice subject, uint64_t *steps)
{
    struct slice program = {NULL, 0};
    if (c->length)
        program = SLICE_OF(programs + c->at, c->length);
    switch (c->kind) {
    case COMPONENT_TEXT:
        return slice_eq(program, subject) ? MATCH_YES : MATCH_NO;
    case COMPONENT_PROGRAM:
        return pattern_program_match(program, subject, steps);
    case COMPONENT_REGEX:
        return regex_match(c->regex, subject, steps);
    default:
        return MATCH_YES;
    }
}

bool
pattern_component_is_special(const struct pattern_component *c, const char *programs)
{
    static const struct slice schemes[] = {
        SLICE_INIT("ftp"),   SLICE_INIT("file"), SLICE_INIT("http"),
        SLICE_INIT("https"), SLICE_INIT("ws"),   SLICE_INIT("wss"),
    };
    for (size_t i = 0; i < COUNT_OF(schemes); i++) {
        uint64_t steps = 10000;
        if (pattern_component_match(c, programs, schemes[i], &steps) == MATCH_YES)
            return true;
    }
    return false;
}
