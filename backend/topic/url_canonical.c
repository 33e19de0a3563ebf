/* url_canonical - what a part of a URL Pattern is brought to before it is compared: the URL parser
 * with a state override, on a fresh https://dummy.invalid/ (URL Pattern, "Encoding callbacks").
 *
 * What a reader gets wrong: the parts come in pieces, as they stand between groups, so a path may
 * begin without a slash, and its dots must not be taken for segments that begin there. */

#include "topic/url_canonical.h"

#include "base/ascii.h"
#include "topic/host.h"
#include "topic/percent.h"
#include "topic/text.h"
#include "topic/url_parse.h"
#include "topic/url_path.h"
#include "topic/url_state.h"

#include <string.h>

/* A parser on https://dummy.invalid/ with a state override. */
static bool
begin_override(struct url_parser *p, struct arena *arena, struct slice in)
{
    *p = (struct url_parser){.arena = arena, .is_override = true};
    if (!url_state_begin(p, in))
        return false;
    url_state_set_scheme(p, SLICE("https"));
    p->path = p->out;
    return true;
}

bool
url_canonical_protocol(struct arena *arena, struct slice in, struct slice *ret)
{
    static const struct slice rest_of_url = SLICE_INIT("://dummy.invalid/");
    struct url url;
    if (in.len == 0) {
        *ret = in;
        return true;
    }
    char *text = arena_alloc(arena, in.len + rest_of_url.len);
    if (text == NULL)
        return false;
    memcpy(text, in.ptr, in.len);
    memcpy(text + in.len, rest_of_url.ptr, rest_of_url.len);
    if (!url_parse(arena, SLICE_OF(text, in.len + rest_of_url.len), NULL, &url))
        return false;
    *ret = url.scheme;
    return true;
}

bool
url_canonical_username(struct arena *arena, struct slice in, struct slice *ret)
{
    return text_scalars(arena, in, &in) && url_state_encode_userinfo(arena, in, ret);
}

bool
url_canonical_password(struct arena *arena, struct slice in, struct slice *ret)
{
    return url_canonical_username(arena, in, ret);
}

bool
url_canonical_hostname(struct arena *arena, struct slice in, struct slice *ret)
{
    struct url_parser p;
    if (in.len == 0) {
        *ret = in;
        return true;
    }
    if (!begin_override(&p, arena, in))
        return false;
    struct slice host = slice_head(p.in, url_state_authority_end(&p));
    return host.len && url_state_find_port(host) == host.len && host_parse(arena, host, false, ret);
}

bool
url_canonical_ipv6_hostname(struct arena *arena, struct slice in, struct slice *ret)
{
    char *out = arena_alloc(arena, in.len);
    if (out == NULL)
        return false;
    for (size_t i = 0; i < in.len; i++) {
        char c = in.ptr[i];
        if (ascii_hex(c) < 0 && c != '[' && c != ']' && c != ':')
            return false;
        out[i] = ascii_lower(c);
    }
    *ret = SLICE_OF(out, in.len);
    return true;
}

bool
url_canonical_port(struct arena *arena, struct slice in, struct slice protocol, struct slice *ret)
{
    struct url_parser p;
    size_t digits = 0;
    if (in.len == 0) {
        *ret = in;
        return true;
    }
    if (!begin_override(&p, arena, in))
        return false;
    p.url.scheme = protocol;
    while (digits < p.in.len && ascii_is_digit(p.in.ptr[digits]))
        digits++;
    if (digits == 0 || !url_state_port(&p, slice_head(p.in, digits)))
        return false;
    *ret = p.url.port;
    return true;
}

bool
url_canonical_pathname(struct arena *arena, struct slice in, struct slice *ret)
{
    static const struct slice lead = SLICE_INIT("/-");
    struct url_parser p;
    if (in.len == 0) {
        *ret = in;
        return true;
    }
    bool has_slash = in.ptr[0] == '/';
    if (!has_slash) {
        char *text = arena_alloc(arena, lead.len + in.len);
        if (text == NULL)
            return false;
        memcpy(text, lead.ptr, lead.len);
        memcpy(text + lead.len, in.ptr, in.len);
        in = SLICE_OF(text, lead.len + in.len);
    }
    if (!begin_override(&p, arena, in) || !url_path_start(&p))
        return false;
    ENSURE(p.out <= p.end);
    *ret = has_slash ? p.url.path : slice_from(p.url.path, lead.len);
    return true;
}

bool
url_canonical_opaque_pathname(struct arena *arena, struct slice in, struct slice *ret)
{
    struct url_parser p;
    if (!begin_override(&p, arena, in) || !url_path_opaque(&p))
        return false;
    ENSURE(p.out <= p.end);
    *ret = p.url.path;
    return true;
}

bool
url_canonical_search(struct arena *arena, struct slice in, struct slice *ret)
{
    struct url_parser p;
    if (!begin_override(&p, arena, in))
        return false;
    *ret = url_state_encode(&p, p.in, &PERCENT_SPECIAL_QUERY);
    ENSURE(p.out <= p.end);
    return true;
}

bool
url_canonical_hash(struct arena *arena, struct slice in, struct slice *ret)
{
    struct url_parser p;
    if (!begin_override(&p, arena, in))
        return false;
    *ret = url_state_encode(&p, p.in, &PERCENT_FRAGMENT);
    ENSURE(p.out <= p.end);
    return true;
}
