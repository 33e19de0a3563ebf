/* pattern_init - pattern strings of all components, from some of them and a base URL.
 *
 * A component is taken from the base URL if neither it nor a more general one was said, in the
 * order protocol, hostname, port, pathname, search, hash; credentials never are. What comes from
 * the base is escaped, so that it means itself. */

#include "topic/pattern_init.h"

#include "topic/url_parse.h"

#include <string.h>

static bool
inherit(struct arena *arena, struct pattern_init *result, enum pattern_component_name name,
        struct slice value)
{
    result->has[name] = true;
    return pattern_parse_escape(arena, value, &result->at[name]);
}

/* What the base URL has for components that are less general than all that was said. */
static bool
inherit_all(struct arena *arena, const struct pattern_init *said, const struct url *base,
            struct pattern_init *result)
{
    const struct {
        enum pattern_component_name name;
        struct slice value;
    } rows[] = {
        {PATTERN_PROTOCOL, base->scheme}, {PATTERN_HOSTNAME, base->host},
        {PATTERN_PORT, base->port},       {PATTERN_PATHNAME, base->path},
        {PATTERN_SEARCH, base->query},    {PATTERN_HASH, base->fragment},
    };
    for (size_t i = 0; i < COUNT_OF(rows) && !said->has[rows[i].name]; i++)
        if (!inherit(arena, result, rows[i].name, rows[i].value))
            return false;
    return true;
}

/* "is an absolute pathname" */
static bool
is_absolute(struct slice path)
{
    if (path.len > 0 && path.ptr[0] == '/')
        return true;
    return path.len > 1 && (path.ptr[0] == '\\' || path.ptr[0] == '{') && path.ptr[1] == '/';
}

/* A relative pathname stands behind the last slash of the base URL's. */
static bool
resolve(struct arena *arena, const struct url *base, struct slice *path)
{
    struct slice from;
    if (base->has_opaque_path || is_absolute(*path))
        return true;
    if (!pattern_parse_escape(arena, base->path, &from))
        return false;
    while (from.len > 0 && from.ptr[from.len - 1] != '/')
        from.len--;
    if (from.len == 0)
        return true;
    char *joined = arena_alloc(arena, from.len + path->len);
    if (joined == NULL)
        return false;
    memcpy(joined, from.ptr, from.len);
    if (path->len)
        memcpy(joined + from.len, path->ptr, path->len);
    *path = SLICE_OF(joined, from.len + path->len);
    return true;
}

static void
strip_first(struct slice *s, char c)
{
    if (s->len > 0 && s->ptr[0] == c)
        *s = slice_from(*s, 1);
}

/* "a string which represents its corresponding default port": also with zeros before it. */
static void
drop_default_port(struct pattern_init *init)
{
    static const struct {
        struct slice scheme;
        unsigned port;
    } rows[] = {
        {SLICE_INIT("http"), 80}, {SLICE_INIT("https"), 443}, {SLICE_INIT("ws"), 80},
        {SLICE_INIT("wss"), 443}, {SLICE_INIT("ftp"), 21},
    };
    uint64_t port;
    if (!slice_u64(init->at[PATTERN_PORT], 65535, &port))
        return;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (slice_eq(init->at[PATTERN_PROTOCOL], rows[i].scheme) && port == rows[i].port)
            init->at[PATTERN_PORT] = SLICE("");
}

bool
pattern_init_process(struct arena *arena, struct pattern_init *init, struct error *err)
{
    struct pattern_init result = *init;
    struct url base;
    if (init->base_url.ptr) {
        if (!url_parse(arena, init->base_url, NULL, &base))
            return error_set(err, "the base URL `" SLICE_FMT "` is not a URL",
                             SLICE_ARG(slice_head_utf8(init->base_url, 256)));
        if (!inherit_all(arena, init, &base, &result) ||
            (init->has[PATTERN_PATHNAME] && !resolve(arena, &base, &result.at[PATTERN_PATHNAME])))
            return error_set(err, "too long");
    }
    struct slice *protocol = &result.at[PATTERN_PROTOCOL];
    if (init->has[PATTERN_PROTOCOL] && slice_ends(*protocol, SLICE(":")))
        protocol->len--;
    if (init->has[PATTERN_SEARCH])
        strip_first(&result.at[PATTERN_SEARCH], '?');
    if (init->has[PATTERN_HASH])
        strip_first(&result.at[PATTERN_HASH], '#');
    for (size_t i = 0; i < PATTERN_COMPONENTS; i++)
        if (!result.has[i])
            result.at[i] = SLICE("*");
    memset(result.has, true, sizeof result.has);
    drop_default_port(&result);
    *init = result;
    return true;
}
