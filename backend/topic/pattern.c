/* pattern - a compiled URL Pattern.
 *
 * One piece of memory holds the pattern, the programs of its components and its literal prefix;
 * compiled regular expressions are apart. Components are judged in the order in which they are
 * most often decided: the host before the path, and regular expressions last, each with all the
 * steps there are: what one took is measured in time, and must not decide about the next.
 *
 * What a reader gets wrong: which pathname a pattern has, a list of segments or an opaque one,
 * follows from whether its *protocol* matches any special scheme, not from the topic. */

#include "topic/pattern.h"

#include "topic/pattern_constructor.h"

#include <stdlib.h>
#include <string.h>

struct pattern {
    struct pattern_component components[PATTERN_COMPONENTS];
    uint32_t programs_length, prefix_length;
    uint32_t regex_size;
    char bytes[]; /* programs, prefix */
};

/* What is there while a pattern is made. */
struct maker {
    struct pattern_component components[PATTERN_COMPONENTS];
    struct buf programs, prefix;
    bool prefix_ends; /* a component before this one is not text alone */
};

static bool
compile(struct maker *m, struct arena *arena, const struct pattern_init *init,
        enum pattern_component_name name, const struct pattern_options *o, struct error *err)
{
    /* The prefix knows no credentials: the key has none. */
    bool apart = name == PATTERN_USERNAME || name == PATTERN_PASSWORD;
    struct buf *literal = apart || m->prefix_ends ? NULL : &m->prefix;
    static const char *const punctuation[PATTERN_COMPONENTS] = {
        [PATTERN_HOSTNAME] = "://",
        [PATTERN_PORT] = ":",
        [PATTERN_SEARCH] = "?",
        [PATTERN_HASH] = "#",
    };
    if (literal)
        buf_add(literal, slice_of(punctuation[name]));
    if (!pattern_component_compile(arena, init->at[name], o, &m->programs, literal,
                                   &m->components[name], err))
        return false;
    if (!apart && m->components[name].kind != COMPONENT_TEXT)
        m->prefix_ends = true;
    return true;
}

/* "hostname pattern is an IPv6 address" */
static bool
is_ipv6(struct slice hostname)
{
    if (hostname.len < 2)
        return false;
    return hostname.ptr[0] == '[' ||
           ((hostname.ptr[0] == '{' || hostname.ptr[0] == '\\') && hostname.ptr[1] == '[');
}

static bool
compile_all(struct maker *m, struct arena *arena, const struct pattern_init *init,
            struct error *err)
{
    for (unsigned name = 0; name < PATTERN_COMPONENTS; name++) {
        const struct pattern_options *o = pattern_component_options(name);
        if (name == PATTERN_HOSTNAME && is_ipv6(init->at[name]))
            o = &PATTERN_IPV6_HOSTNAME;
        if (name == PATTERN_PATHNAME &&
            !pattern_component_is_special(&m->components[PATTERN_PROTOCOL], m->programs.ptr))
            o = &PATTERN_OPAQUE_PATHNAME;
        if (!compile(m, arena, init, name, o, err))
            return false;
    }
    return true;
}

/* Takes the components. NULL: no memory. */
static struct pattern *
assemble(struct maker *m)
{
    size_t size = sizeof(struct pattern) + m->programs.len + m->prefix.len;
    struct pattern *p = m->prefix.failed ? NULL : malloc(size);
    if (p == NULL)
        return NULL;
    memcpy(p->components, m->components, sizeof p->components);
    p->programs_length = (uint32_t)m->programs.len;
    p->prefix_length = (uint32_t)m->prefix.len;
    p->regex_size = 0;
    for (size_t i = 0; i < PATTERN_COMPONENTS; i++)
        if (p->components[i].kind == COMPONENT_REGEX)
            p->regex_size += (uint32_t)regex_size(p->components[i].regex);
    if (m->programs.len)
        memcpy(p->bytes, m->programs.ptr, m->programs.len);
    if (m->prefix.len)
        memcpy(p->bytes + m->programs.len, m->prefix.ptr, m->prefix.len);
    memset(m->components, 0, sizeof m->components);
    return p;
}

struct pattern *
pattern_of_init(struct arena *arena, const struct pattern_init *said, struct error *err)
{
    struct pattern_init init = *said;
    struct maker m = {0};
    struct pattern *p = NULL;
    size_t size = 0;
    if (!pattern_init_process(arena, &init, err))
        return NULL;
    for (size_t i = 0; i < PATTERN_COMPONENTS; i++)
        size += init.at[i].len;
    /* Canonical text is at most nine times what it was (ASCII from a domain, percent-encoding);
     * each group adds less than 32 bytes. */
    buf_init(&m.programs, 64 + 48 * size);
    buf_init(&m.prefix, 64 + 16 * size);
    if (compile_all(&m, arena, &init, err)) {
        p = assemble(&m);
        if (p == NULL)
            error_set(err, "too long");
    }
    for (size_t i = 0; i < PATTERN_COMPONENTS; i++)
        pattern_component_fini(&m.components[i]);
    buf_fini(&m.programs);
    buf_fini(&m.prefix);
    return p;
}

struct pattern *
pattern_new(struct slice text, struct slice base, struct error *err)
{
    struct arena arena;
    struct pattern_init init;
    struct pattern *p = NULL;
    if (text.len > PATTERN_MAX || base.len > PATTERN_MAX) {
        error_set(err, "longer than %d bytes", PATTERN_MAX);
        return NULL;
    }
    arena_init(&arena, 65536 + 1024 * (text.len + base.len));
    if (pattern_constructor_parse(&arena, text, &init, err)) {
        init.base_url = base;
        if (base.ptr == NULL && !init.has[PATTERN_PROTOCOL])
            error_set(err, "a relative pattern needs a base URL");
        else
            p = pattern_of_init(&arena, &init, err);
    }
    arena_fini(&arena);
    return p;
}

void
pattern_free(struct pattern **p)
{
    if (*p == NULL)
        return;
    for (size_t i = 0; i < PATTERN_COMPONENTS; i++)
        pattern_component_fini(&(*p)->components[i]);
    free(*p);
    *p = NULL;
}

static struct slice
subject(const struct url *url, enum pattern_component_name name)
{
    switch (name) {
    case PATTERN_PROTOCOL:
        return url->scheme;
    case PATTERN_USERNAME:
        return url->username;
    case PATTERN_PASSWORD:
        return url->password;
    case PATTERN_HOSTNAME:
        return url->host;
    case PATTERN_PORT:
        return url->port;
    case PATTERN_PATHNAME:
        return url->path;
    case PATTERN_SEARCH:
        return url->query;
    default:
        return url->fragment;
    }
}

enum match
pattern_match(const struct pattern *p, const struct url *url, uint64_t *steps)
{
    static const unsigned char order[] = {
        PATTERN_HOSTNAME, PATTERN_PATHNAME, PATTERN_PROTOCOL, PATTERN_PORT,
        PATTERN_SEARCH,   PATTERN_HASH,     PATTERN_USERNAME, PATTERN_PASSWORD,
    };
    const uint64_t all = *steps;
    for (int pass = 0; pass < (p->regex_size ? 2 : 1); pass++) {
        for (size_t i = 0; i < COUNT_OF(order); i++) {
            const struct pattern_component *c = &p->components[order[i]];
            if (c->kind == COMPONENT_ANY || (c->kind == COMPONENT_REGEX) != pass)
                continue;
            uint64_t given = pass ? all : *steps, left = given;
            enum match match = pattern_component_match(c, p->bytes, subject(url, order[i]), &left);
            match_spend(steps, given - left);
            if (match != MATCH_YES)
                return match;
        }
    }
    return MATCH_YES;
}

bool
pattern_key(struct arena *arena, const struct url *url, struct slice *ret_key)
{
    const struct slice pieces[] = {
        url->scheme, SLICE("://"), url->host,  SLICE(":"), url->port,
        url->path,   SLICE("?"),   url->query, SLICE("#"), url->fragment,
    };
    size_t size = 0;
    for (size_t i = 0; i < COUNT_OF(pieces); i++)
        size += pieces[i].len;
    char *key = arena_alloc(arena, size), *at = key;
    if (key == NULL)
        return false;
    for (size_t i = 0; i < COUNT_OF(pieces); i++) {
        if (pieces[i].len)
            memcpy(at, pieces[i].ptr, pieces[i].len);
        at += pieces[i].len;
    }
    *ret_key = SLICE_OF(key, size);
    return true;
}

struct slice
pattern_literal_prefix(const struct pattern *p)
{
    return SLICE_OF(p->bytes + p->programs_length, p->prefix_length);
}

size_t
pattern_size(const struct pattern *p)
{
    return sizeof *p + p->programs_length + p->prefix_length + p->regex_size;
}
