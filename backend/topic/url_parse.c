/* url_parse - the basic URL parser of the WHATWG URL standard, section 4.4.
 *
 * The standard is a machine that sees one code point at a time; here each of its states is a
 * function of the same name that takes the run of bytes for which the machine would stay, and
 * calls the state that follows. Only ASCII ends a run, so the bytes of UTF-8 need no decoding.
 * The states stand from the end to the beginning: each calls those that may follow. The last ones,
 * from the path on, are in url_path.c. */

#include "topic/url_parse.h"

#include "base/alloc.h"
#include "base/ascii.h"
#include "topic/host.h"
#include "topic/url_path.h"
#include "topic/url_state.h"

static struct slice
trim_c0_and_space(struct slice s)
{
    while (s.len && (unsigned char)s.ptr[0] <= 0x20)
        s = slice_from(s, 1);
    while (s.len && (unsigned char)s.ptr[s.len - 1] <= 0x20)
        s.len--;
    return s;
}

static void
copy_host(struct url_parser *p)
{
    p->url.host = url_state_copy(p, p->base->host);
    p->url.has_host = p->base->has_host;
}

static void
copy_authority(struct url_parser *p)
{
    p->url.username = url_state_copy(p, p->base->username);
    p->url.password = url_state_copy(p, p->base->password);
    p->url.port = url_state_copy(p, p->base->port);
    copy_host(p);
}

static void
copy_query(struct url_parser *p)
{
    p->url.query = url_state_copy(p, p->base->query);
    p->url.has_query = p->base->has_query;
}

/* The authority ends at `end`. */
static bool
port_state(struct url_parser *p, size_t end)
{
    struct slice digits = slice_head(url_state_rest(p), end - p->at);
    for (size_t i = 0; i < digits.len; i++)
        if (!ascii_is_digit(digits.ptr[i]))
            return false;
    p->at = end;
    return url_state_port(p, digits) && url_path_start(p);
}

static bool
host_state(struct url_parser *p, size_t end)
{
    struct slice authority = slice_head(url_state_rest(p), end - p->at);
    size_t colon = url_state_find_port(authority);
    struct slice host = slice_head(authority, colon);
    bool has_port = colon < authority.len;
    if (host.len == 0 && (p->url.is_special || has_port))
        return false;
    if (!host_parse(p->arena, host, !p->url.is_special, &p->url.host))
        return false;
    p->url.has_host = true;
    p->at += has_port ? colon + 1 : colon;
    return port_state(p, end);
}

static bool
authority_state(struct url_parser *p)
{
    size_t end = url_state_authority_end(p), last_at = end;
    while (last_at > p->at && p->in.ptr[last_at - 1] != '@')
        last_at--;
    if (last_at > p->at) {
        struct slice credentials = slice_head(url_state_rest(p), last_at - 1 - p->at);
        size_t colon = slice_index(credentials, ':');
        if (!url_state_encode_userinfo(p->arena, slice_head(credentials, colon),
                                       &p->url.username) ||
            !url_state_encode_userinfo(p->arena, slice_from(credentials, colon + 1),
                                       &p->url.password))
            return false;
        p->at = last_at;
        if (last_at == end)
            return false;
    }
    return host_state(p, end);
}

static bool
special_authority_ignore_slashes_state(struct url_parser *p)
{
    while (url_state_skip_slash(p)) {
    }
    return authority_state(p);
}

static bool
relative_slash_state(struct url_parser *p)
{
    if (url_state_skip_slash(p))
        return p->url.is_special ? special_authority_ignore_slashes_state(p) : authority_state(p);
    copy_authority(p);
    return url_path_behind(p, SLICE(""));
}

/* `path` and the base's query, or what stands instead: shared by two states. */
static bool
relative_path(struct url_parser *p, struct slice path)
{
    int c = url_state_peek(p, 0);
    if (c < 0 || c == '#')
        copy_query(p);
    return url_path_relative(p, path);
}

static bool
relative_state(struct url_parser *p)
{
    url_state_set_scheme(p, url_state_copy(p, p->base->scheme));
    if (url_state_skip_slash(p))
        return relative_slash_state(p);
    copy_authority(p);
    return relative_path(p, p->base->path);
}

static bool
file_host_state(struct url_parser *p)
{
    size_t end = url_state_authority_end(p);
    struct slice host = slice_head(url_state_rest(p), end - p->at);
    if (url_path_starts_with_drive(url_state_rest(p)))
        return url_path_behind(p, SLICE(""));
    if (host.len && !host_parse(p->arena, host, false, &p->url.host))
        return false;
    if (slice_eq(p->url.host, SLICE("localhost")))
        p->url.host = SLICE("");
    p->at = end;
    return url_path_start(p);
}

static bool
file_slash_state(struct url_parser *p, const struct url *base)
{
    if (url_state_skip_slash(p))
        return file_host_state(p);
    if (base)
        copy_host(p);
    bool keeps = base && !url_path_starts_with_drive(url_state_rest(p));
    return url_path_behind(p, keeps ? url_path_drive(base->path) : SLICE(""));
}

static bool
file_state(struct url_parser *p)
{
    const struct url *base = p->base && slice_eq(p->base->scheme, SLICE("file")) ? p->base : NULL;
    url_state_set_scheme(p, SLICE("file"));
    p->url.has_host = true;
    p->url.host = SLICE("");
    if (url_state_skip_slash(p))
        return file_slash_state(p, base);
    if (base == NULL)
        return url_path_behind(p, SLICE(""));
    copy_host(p);
    return relative_path(p, url_path_starts_with_drive(url_state_rest(p)) ? SLICE("") : base->path);
}

static bool
path_or_authority_state(struct url_parser *p)
{
    return url_state_skip_slash(p) ? authority_state(p) : url_path_behind(p, SLICE(""));
}

static bool
special_relative_or_authority_state(struct url_parser *p)
{
    if (url_state_peek(p, 0) == '/' && url_state_peek(p, 1) == '/')
        return special_authority_ignore_slashes_state(p);
    return relative_state(p);
}

static bool
no_scheme_state(struct url_parser *p)
{
    const struct url *base = p->base;
    if (base == NULL)
        return false;
    if (!base->has_opaque_path)
        return slice_eq(base->scheme, SLICE("file")) ? file_state(p) : relative_state(p);
    if (url_state_peek(p, 0) != '#')
        return false;
    url_state_set_scheme(p, url_state_copy(p, base->scheme));
    p->url.has_opaque_path = true;
    p->url.path = url_state_copy(p, base->path);
    copy_query(p);
    return url_path_end(p);
}

/* The scheme is read, and the colon behind it. */
static bool
after_scheme(struct url_parser *p)
{
    if (p->is_file)
        return file_state(p);
    if (p->url.is_special)
        return p->base && slice_eq(p->base->scheme, p->url.scheme)
                   ? special_relative_or_authority_state(p)
                   : special_authority_ignore_slashes_state(p); /* two of them or not */
    return url_state_skip_slash(p) ? path_or_authority_state(p) : url_path_opaque(p);
}

static bool
scheme_start_state(struct url_parser *p)
{
    size_t len = 0;
    if (ascii_is_letter(url_state_peek(p, 0)))
        while (ascii_is_alnum(url_state_peek(p, len)) || url_state_peek(p, len) == '+' ||
               url_state_peek(p, len) == '-' || url_state_peek(p, len) == '.')
            len++;
    if (len == 0 || url_state_peek(p, len) != ':')
        return no_scheme_state(p);
    char *scheme = p->out;
    for (size_t i = 0; i < len; i++)
        scheme[i] = ascii_lower(p->in.ptr[i]);
    p->out += len;
    url_state_set_scheme(p, SLICE_OF(scheme, len));
    p->at += len + 1;
    return after_scheme(p);
}

bool
url_parse(struct arena *arena, struct slice input, const struct url *base, struct url *ret)
{
    struct url_parser p = {.arena = arena, .base = base};
    if (!url_state_begin(&p, trim_c0_and_space(input)) || !scheme_start_state(&p))
        return false;
    ENSURE(p.out <= p.end);
    *ret = p.url;
    return true;
}
