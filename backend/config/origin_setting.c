/* origin_setting - what browsers send as Origin has one spelling: a scheme, a host, a port where
 * it is not the scheme's own, all in lower case, and nothing behind. Another spelling is compared
 * in vain for ever, so it is refused with the right one. */

#include "config/origin_setting.h"

#include <string.h>

/* A text that is taken apart; `why` is the first thing that is wrong with it. */
struct draft {
    struct slice rest, scheme, host, port;
    const char *why;
};

static void
blame(struct draft *d, const char *why)
{
    if (d->why == NULL)
        d->why = why;
}

static void
strip_dress(struct draft *d)
{
    struct slice *s = &d->rest;
    while (s->len && (s->ptr[s->len - 1] == ',' || s->ptr[s->len - 1] == ';')) {
        s->len--;
        blame(d, "origins are separated by blanks");
    }
    if (s->len > 1 && strchr("'\"`", s->ptr[0]) && s->ptr[s->len - 1] == s->ptr[0]) {
        *s = SLICE_OF(s->ptr + 1, s->len - 2);
        blame(d, "the quotes are part of it");
    }
}

static bool
is_local(struct slice host)
{
    return slice_starts(host, SLICE("localhost")) || slice_starts(host, SLICE("127.0.0.1")) ||
           slice_starts(host, SLICE("[::1]"));
}

static void
split(struct draft *d)
{
    size_t mark = slice_find(d->rest, SLICE("://")), end = 0;
    bool has_scheme = mark < d->rest.len;
    d->host = has_scheme ? slice_from(d->rest, mark + 3) : d->rest;
    d->scheme = has_scheme          ? slice_head(d->rest, mark)
                : is_local(d->rest) ? SLICE("http")
                                    : SLICE("https");
    if (!has_scheme)
        blame(d, "the scheme is missing");
    while (end < d->host.len && strchr("/?#", d->host.ptr[end]) == NULL)
        end++;
    if (end < d->host.len)
        blame(d, end + 1 == d->host.len ? "browsers send no slash behind it"
                                        : "browsers send no path behind it");
    d->host = slice_head(d->host, end);
}

static void
split_port(struct draft *d)
{
    size_t colon = d->host.len;
    while (colon && d->host.ptr[colon - 1] != ':' && d->host.ptr[colon - 1] != ']')
        colon--;
    if (colon == 0 || d->host.ptr[colon - 1] != ':')
        return;
    d->port = slice_from(d->host, colon);
    d->host = slice_head(d->host, colon - 1);
    if (d->port.len == 0 ||
        (slice_eq_nocase(d->scheme, SLICE("https")) && slice_eq(d->port, SLICE("443"))) ||
        (slice_eq_nocase(d->scheme, SLICE("http")) && slice_eq(d->port, SLICE("80")))) {
        d->port = SLICE("");
        blame(d, "browsers leave the scheme's own port out");
    }
}

static bool
holds_only(struct slice s, const char *further)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              (c && strchr(further, c))))
            return false;
    }
    return s.len > 0;
}

/* What no other spelling mends. */
static const char *
find_hopeless(const struct draft *d)
{
    uint64_t port;
    bool in_brackets = d->host.len && d->host.ptr[0] == '[';
    for (size_t i = 0; i < d->host.len; i++)
        if ((unsigned char)d->host.ptr[i] >= 0x80)
            return "browsers send a host's ASCII form, which begins with xn--";
    if (d->host.len == 0)
        return "the host is missing; was a variable empty?";
    if (!holds_only(d->scheme, "+-.*") || !holds_only(d->host, in_brackets ? "[]:." : "-._*"))
        return "it is no origin, as in https://app.example.com; was a variable not filled in?";
    if (d->port.len && !slice_eq(d->port, SLICE("*")) && !slice_u64(d->port, 65535, &port))
        return "a port is a number up to 65535";
    return NULL;
}

static void
write(const struct draft *d, struct buf *out)
{
    size_t begin = out->len;
    buf_add(out, d->scheme);
    buf_add(out, SLICE("://"));
    buf_add(out, d->host);
    if (d->port.len) {
        buf_add_byte(out, ':');
        buf_add(out, d->port);
    }
    for (size_t i = begin; i < out->len; i++)
        if (out->ptr[i] >= 'A' && out->ptr[i] <= 'Z')
            out->ptr[i] += 'a' - 'A';
}

bool
origin_setting_read(struct slice text, struct buf *out, struct error *err)
{
    struct draft d = {.rest = text};
    struct slice shown = slice_head(text, 150);
    strip_dress(&d);
    if (d.rest.len == 0)
        return error_set(err, "an origin is empty");
    if (slice_index(d.rest, '@') < d.rest.len)
        return error_set(err, "browsers send an origin without user name and password");
    if (slice_index(d.rest, ',') < d.rest.len)
        return error_set(err, SLICE_FMT ": origins are separated by blanks", SLICE_ARG(shown));
    if (slice_count(d.rest, '*') > 1)
        return error_set(err, SLICE_FMT ": one * at most", SLICE_ARG(shown));
    if (slice_eq(d.rest, SLICE("*")) || slice_eq_nocase(d.rest, SLICE("null"))) {
        buf_add(out, d.rest.len == 1 ? SLICE("*") : SLICE("null"));
    } else {
        split(&d);
        split_port(&d);
        const char *hopeless = find_hopeless(&d);
        if (hopeless)
            return error_set(err, SLICE_FMT " never matches: %s", SLICE_ARG(shown), hopeless);
        write(&d, out);
    }
    if (d.why == NULL)
        return true;
    return error_set(err, SLICE_FMT " never matches: %s; write %.*s", SLICE_ARG(shown), d.why,
                     (int)(out->len > 200 ? 200 : out->len), out->ptr);
}
