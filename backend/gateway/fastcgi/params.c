/* params - from CGI's variables to a request: one table of names. */

#include "gateway/fastcgi/params.h"

#include "base/ascii.h"
#include "gateway/fastcgi/record.h"

enum meaning {
    MEANS_METHOD,
    MEANS_URI,
    MEANS_HTTPS,
    MEANS_SCHEME,
    MEANS_ADDRESS,
    MEANS_CONTENT_TYPE,
    MEANS_CONTENT_LENGTH,
    MEANS_REDIRECTED_TOKEN,
    MEANS_TICKET,
    MEANINGS,
};

static const struct slice names_of[MEANINGS] = {
    [MEANS_METHOD] = SLICE_INIT("REQUEST_METHOD"),
    [MEANS_URI] = SLICE_INIT("REQUEST_URI"),
    [MEANS_HTTPS] = SLICE_INIT("HTTPS"),
    [MEANS_SCHEME] = SLICE_INIT("REQUEST_SCHEME"),
    [MEANS_ADDRESS] = SLICE_INIT("REMOTE_ADDR"),
    [MEANS_CONTENT_TYPE] = SLICE_INIT("CONTENT_TYPE"),
    [MEANS_CONTENT_LENGTH] = SLICE_INIT("CONTENT_LENGTH"),
    [MEANS_REDIRECTED_TOKEN] = SLICE_INIT("REDIRECT_HTTP_AUTHORIZATION"),
    [MEANS_TICKET] = SLICE_INIT("ALIPES_TICKET"),
};

/* HTTP_LAST_EVENT_ID, without its prefix, is the header LAST-EVENT-ID. */
static struct slice
header_name(struct buf *params, struct slice name)
{
    name = slice_from(name, sizeof "HTTP_" - 1);
    char *bytes = params->ptr + (name.ptr - params->ptr);
    for (size_t i = 0; i < name.len; i++)
        if (bytes[i] == '_')
            bytes[i] = '-';
    return name;
}

static bool
is_visible(struct slice s)
{
    for (size_t i = 0; i < s.len; i++)
        if ((unsigned char)s.ptr[i] <= ' ' || s.ptr[i] == 0x7f)
            return false;
    return true;
}

static bool
has_line_break(struct slice s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.ptr[i] == '\r' || s.ptr[i] == '\n' || s.ptr[i] == 0)
            return true;
    return false;
}

/* `/path?query`, `*`, or a whole URL of which path and query count. */
static bool
read_uri(struct slice uri, struct request *r)
{
    size_t scheme = slice_find(uri, SLICE("://"));
    if (uri.len && uri.ptr[0] != '/' && scheme < slice_index(uri, '/')) {
        struct slice rest = slice_from(uri, scheme + 3);
        uri = slice_from(rest, slice_index(rest, '/'));
        if (uri.len == 0)
            uri = SLICE("/");
    }
    uri = slice_head(uri, slice_index(uri, '#'));
    size_t mark = slice_index(uri, '?');
    r->path = slice_head(uri, mark);
    r->query = slice_from(uri, mark + 1);
    return is_visible(uri) && (slice_eq(uri, SLICE("*")) || (r->path.len && r->path.ptr[0] == '/'));
}

static bool
is_method(struct slice s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!(ascii_is_letter(s.ptr[i]) || s.ptr[i] == '-' || s.ptr[i] == '_'))
            return false;
    return s.len > 0;
}

unsigned
params_read(struct buf *params, struct arena *arena, struct request *ret)
{
    struct slice rest = buf_slice(params), name, value, meant[MEANINGS] = {{0}};
    enum parse parsed;
    size_t count = 2; /* room for those that do not begin with HTTP_ */
    while ((parsed = record_pair(&rest, &name, &value)) == PARSE_OK)
        count += slice_starts(name, SLICE("HTTP_"));
    if (parsed == PARSE_BAD)
        return 400;
    if (count > REQUEST_MAX_HEADERS)
        return 431;
    if ((ret->headers = arena_alloc(arena, count * sizeof *ret->headers)) == NULL)
        return 503;
    rest = buf_slice(params);
    while (record_pair(&rest, &name, &value) == PARSE_OK) {
        for (int i = 0; i < MEANINGS; i++)
            if (slice_eq(name, names_of[i]))
                meant[i] = value;
        /* An empty one is what a rewrite rule makes of a header that was not there. */
        if (!slice_starts(name, SLICE("HTTP_")) || value.len == 0)
            continue;
        if (has_line_break(value))
            return 400;
        ret->headers[ret->header_count++] =
            (struct header){header_name(params, name), slice_trim(value)};
    }
    struct slice found;
    if (meant[MEANS_CONTENT_TYPE].len && !request_header(ret, SLICE("Content-Type"), &found))
        ret->headers[ret->header_count++] =
            (struct header){SLICE("Content-Type"), meant[MEANS_CONTENT_TYPE]};
    if (meant[MEANS_REDIRECTED_TOKEN].len && !request_header(ret, SLICE("Authorization"), &found))
        ret->headers[ret->header_count++] =
            (struct header){SLICE("Authorization"), slice_trim(meant[MEANS_REDIRECTED_TOKEN])};
    if (!request_header(ret, SLICE("Host"), &ret->host))
        ret->host = SLICE("");
    ret->method = meant[MEANS_METHOD];
    ret->is_told = true;
    if (!slice_u64(meant[MEANS_CONTENT_LENGTH], INT64_MAX, &ret->told_length))
        ret->told_length = 0; /* absent, empty, -1 */
    ret->has_body = ret->told_length > 0;
    ret->ticket = meant[MEANS_TICKET];
    ret->address = meant[MEANS_ADDRESS];
    ret->scheme = meant[MEANS_SCHEME];
    if (slice_eq_nocase(meant[MEANS_HTTPS], SLICE("on")) ||
        slice_eq(meant[MEANS_HTTPS], SLICE("1")))
        ret->scheme = SLICE("https");
    if (!is_method(ret->method) || !read_uri(meant[MEANS_URI], ret))
        return 400;
    return 0;
}

bool
params_show_stripped_token(const struct buf *params)
{
    struct slice rest = buf_slice(params), name, value;
    while (record_pair(&rest, &name, &value) == PARSE_OK)
        if (slice_eq(name, SLICE("AUTH_TYPE")))
            return slice_eq_nocase(value, SLICE("Bearer"));
    return false;
}
