/* site - origins compared as browsers mean them: https://a.example is https://A.example:443. */

#include "base/site.h"

#include "base/ascii.h"

static unsigned
port_of(struct slice scheme)
{
    return slice_eq_nocase(scheme, SLICE("https"))  ? 443
           : slice_eq_nocase(scheme, SLICE("http")) ? 80
                                                    : 0;
}

/* What may stand in a host, percent signs and user names not among it. */
static bool
is_host(struct slice s)
{
    bool in_brackets = s.len > 2 && s.ptr[0] == '[' && s.ptr[s.len - 1] == ']';
    struct slice inside = in_brackets ? SLICE_OF(s.ptr + 1, s.len - 2) : s;
    for (size_t i = 0; i < inside.len; i++) {
        unsigned char c = (unsigned char)inside.ptr[i];
        bool plain = ascii_is_alnum(c) || c == '.' || c == '-' || c == '_' || c >= 0x80;
        if (!plain && !(in_brackets && c == ':'))
            return false;
    }
    return inside.len > 0;
}

bool
site_of_host(struct slice scheme, struct slice host, struct site *ret)
{
    uint64_t port = port_of(scheme);
    size_t colon = host.len;
    if (port == 0)
        return false;
    while (colon && ascii_is_digit(host.ptr[colon - 1]))
        colon--;
    if (colon && host.ptr[colon - 1] == ':') {
        /* "host:" is the default port (RFC 3986, section 3.2.3). */
        struct slice digits = slice_from(host, colon);
        if (digits.len && !slice_u64(digits, 65535, &port))
            return false;
        host = slice_head(host, colon - 1);
    }
    if (!is_host(host))
        return false;
    *ret = (struct site){scheme, host, (unsigned)port};
    return true;
}

bool
site_read(struct slice url, struct site *ret, struct slice *ret_rest)
{
    size_t mark = slice_find(url, SLICE("://"));
    if (mark == url.len)
        return false;
    struct slice rest = slice_from(url, mark + 3);
    size_t end = 0;
    while (end < rest.len && rest.ptr[end] != '/' && rest.ptr[end] != '?' && rest.ptr[end] != '#')
        end++;
    if (!site_of_host(slice_head(url, mark), slice_head(rest, end), ret))
        return false;
    *ret_rest = slice_from(rest, end);
    return true;
}

bool
site_eq(const struct site *a, const struct site *b)
{
    return slice_eq_nocase(a->scheme, b->scheme) && slice_eq_nocase(a->host, b->host) &&
           a->port == b->port;
}
