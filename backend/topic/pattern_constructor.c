/* pattern_constructor - where the components of a constructor string begin and end.
 *
 * A machine of the URL parser's states on lenient tokens, so that `:name` is no port and `(a/b)`
 * no path. It only cuts: what it cuts out is judged when its component is compiled. The one
 * exception is the protocol, which decides whether an authority follows.
 *
 * The table of what a change of state implies is the standard's "change state": what stands left
 * of the first component that is named is empty, what stands right of the last one is a wildcard.
 */

#include "topic/pattern_constructor.h"

/* The states that are components have the component's number. */
enum state {
    STATE_INIT = PATTERN_COMPONENTS,
    STATE_AUTHORITY,
    STATE_DONE,
};

struct machine {
    struct arena *arena;
    struct pattern_tokens tokens;
    struct pattern_init *result;
    unsigned state;
    size_t component_start, index, increment;
    size_t group_depth;
    long ipv6_depth;
    bool special; /* "protocol matches a special scheme flag" */
};

static const struct pattern_token *
safe_token(const struct machine *m, size_t index)
{
    return &m->tokens.at[index < m->tokens.count ? index : m->tokens.count - 1];
}

static bool
value_is(const struct machine *m, const struct pattern_token *t, char c)
{
    return t->length == 1 && m->tokens.input.ptr[t->value] == c;
}

/* "is a non-special pattern char" */
static bool
is_char(const struct machine *m, size_t index, char c)
{
    const struct pattern_token *t = safe_token(m, index);
    return value_is(m, t, c) && (t->type == TOKEN_CHAR || t->type == TOKEN_ESCAPED_CHAR ||
                                 t->type == TOKEN_INVALID_CHAR);
}

static bool
is_search_prefix(const struct machine *m)
{
    if (is_char(m, m->index, '?'))
        return true;
    if (!value_is(m, &m->tokens.at[m->index], '?'))
        return false;
    if (m->index == 0)
        return true;
    switch (safe_token(m, m->index - 1)->type) {
    case TOKEN_NAME:
    case TOKEN_REGEXP:
    case TOKEN_CLOSE:
    case TOKEN_ASTERISK:
        return false;
    default:
        return true;
    }
}

static bool
is_hash_prefix(const struct machine *m)
{
    return is_char(m, m->index, '#');
}

static struct slice
component_string(const struct machine *m)
{
    size_t start = safe_token(m, m->component_start)->index;
    size_t end = m->tokens.at[m->index].index;
    return slice_head(slice_from(m->tokens.input, start), end - start);
}

static void
set(struct machine *m, unsigned component, struct slice value)
{
    m->result->at[component] = value;
    m->result->has[component] = true;
}

static void
set_if_missing(struct machine *m, unsigned component, struct slice value)
{
    if (!m->result->has[component])
        set(m, component, value);
}

static void
change_state(struct machine *m, unsigned next, size_t skip)
{
    unsigned old = m->state;
    if (old < PATTERN_COMPONENTS)
        set(m, old, component_string(m));
    if (old != STATE_INIT && next != STATE_DONE) {
        bool before_host = old <= PATTERN_PASSWORD || old == STATE_AUTHORITY;
        bool before_path = before_host || old == PATTERN_HOSTNAME || old == PATTERN_PORT;
        if (before_host && next >= PATTERN_PORT && next <= PATTERN_HASH)
            set_if_missing(m, PATTERN_HOSTNAME, SLICE(""));
        if (before_path && (next == PATTERN_SEARCH || next == PATTERN_HASH))
            set_if_missing(m, PATTERN_PATHNAME, m->special ? SLICE("/") : SLICE(""));
        if ((before_path || old == PATTERN_PATHNAME) && next == PATTERN_HASH)
            set_if_missing(m, PATTERN_SEARCH, SLICE(""));
    }
    m->state = next;
    m->index += skip;
    m->component_start = m->index;
    m->increment = 0;
}

static void
rewind_to(struct machine *m, unsigned state)
{
    m->index = m->component_start;
    m->increment = 0;
    m->state = state;
}

static bool
step_protocol(struct machine *m, struct error *err)
{
    struct pattern_component protocol;
    struct buf programs;
    if (!is_char(m, m->index, ':'))
        return true;
    struct slice text = component_string(m);
    buf_init(&programs, 64 + 8 * text.len);
    bool valid =
        pattern_component_compile(m->arena, text, pattern_component_options(PATTERN_PROTOCOL),
                                  &programs, NULL, &protocol, err);
    if (valid) {
        m->special = pattern_component_is_special(&protocol, programs.ptr);
        pattern_component_fini(&protocol);
    }
    buf_fini(&programs);
    if (is_char(m, m->index + 1, '/') && is_char(m, m->index + 2, '/'))
        change_state(m, STATE_AUTHORITY, 3);
    else
        change_state(m, m->special ? STATE_AUTHORITY : PATTERN_PATHNAME, 1);
    return valid;
}

/* The ends of what precedes a pathname, a search or a hash. */
static void
step_to_tail(struct machine *m, bool path_may_start)
{
    if (path_may_start && is_char(m, m->index, '/'))
        change_state(m, PATTERN_PATHNAME, 0);
    else if (is_search_prefix(m))
        change_state(m, PATTERN_SEARCH, 1);
    else if (is_hash_prefix(m))
        change_state(m, PATTERN_HASH, 1);
}

static void
step_authority(struct machine *m)
{
    if (is_char(m, m->index, '@'))
        rewind_to(m, PATTERN_USERNAME);
    else if (is_char(m, m->index, '/') || is_search_prefix(m) || is_hash_prefix(m))
        rewind_to(m, PATTERN_HOSTNAME);
}

static void
step_hostname(struct machine *m)
{
    if (is_char(m, m->index, '['))
        m->ipv6_depth++;
    else if (is_char(m, m->index, ']'))
        m->ipv6_depth--;
    else if (is_char(m, m->index, ':') && m->ipv6_depth == 0)
        change_state(m, PATTERN_PORT, 1);
    else
        step_to_tail(m, true);
}

static bool
step(struct machine *m, struct error *err)
{
    switch (m->state) {
    case STATE_INIT:
        if (is_char(m, m->index, ':'))
            rewind_to(m, PATTERN_PROTOCOL);
        break;
    case PATTERN_PROTOCOL:
        return step_protocol(m, err);
    case STATE_AUTHORITY:
        step_authority(m);
        break;
    case PATTERN_USERNAME:
    case PATTERN_PASSWORD:
        if (m->state == PATTERN_USERNAME && is_char(m, m->index, ':'))
            change_state(m, PATTERN_PASSWORD, 1);
        else if (is_char(m, m->index, '@'))
            change_state(m, PATTERN_HOSTNAME, 1);
        break;
    case PATTERN_HOSTNAME:
        step_hostname(m);
        break;
    case PATTERN_PORT:
        step_to_tail(m, true);
        break;
    case PATTERN_PATHNAME:
        step_to_tail(m, false);
        break;
    case PATTERN_SEARCH:
        if (is_hash_prefix(m))
            change_state(m, PATTERN_HASH, 1);
        break;
    default:
        break;
    }
    return true;
}

/* At the end of the string. False once nothing is left to be found out. */
static bool
step_end(struct machine *m)
{
    if (m->state == STATE_INIT) {
        rewind_to(m, STATE_INIT);
        if (is_hash_prefix(m))
            change_state(m, PATTERN_HASH, 1);
        else if (is_search_prefix(m))
            change_state(m, PATTERN_SEARCH, 1);
        else
            change_state(m, PATTERN_PATHNAME, 0);
        return true;
    }
    if (m->state == STATE_AUTHORITY) {
        rewind_to(m, PATTERN_HOSTNAME);
        return true;
    }
    change_state(m, STATE_DONE, 0);
    return false;
}

bool
pattern_constructor_parse(struct arena *arena, struct slice input, struct pattern_init *ret,
                          struct error *err)
{
    struct machine m = {.arena = arena, .result = ret, .state = STATE_INIT};
    *ret = (struct pattern_init){0};
    if (!pattern_token_read(arena, input, TOKEN_LENIENT, &m.tokens, err))
        return false;
    while (m.index < m.tokens.count) {
        enum pattern_token_type type = m.tokens.at[m.index].type;
        m.increment = 1;
        if (type == TOKEN_END) {
            if (!step_end(&m))
                break;
        } else if (type == TOKEN_OPEN) {
            m.group_depth++;
        } else if (m.group_depth > 0 && type != TOKEN_CLOSE) {
            /* No component ends within a group. */
        } else {
            if (m.group_depth > 0)
                m.group_depth--;
            if (!step(&m, err))
                return false;
        }
        m.index += m.increment;
    }
    if (ret->has[PATTERN_HOSTNAME] && !ret->has[PATTERN_PORT])
        set(&m, PATTERN_PORT, SLICE(""));
    return true;
}
