/* origin - who may ask: comparing origins with what is configured. */

#include "request/origin.h"

#include "base/site.h"

#include <stdio.h>

bool
origin_matches(struct slice pattern, struct slice origin, bool ignore_case)
{
    bool (*equal)(struct slice, struct slice) = ignore_case ? slice_eq_nocase : slice_eq;
    size_t star = slice_index(pattern, '*');
    if (star == pattern.len)
        return equal(pattern, origin);
    struct slice before = slice_head(pattern, star), after = slice_from(pattern, star + 1);
    if (origin.len < before.len + after.len)
        return false;
    return equal(before, slice_head(origin, before.len)) &&
           equal(after, slice_from(origin, origin.len - after.len));
}

bool
origin_is_own(const struct exchange *ex, struct slice origin)
{
    const struct request *r = ex->request;
    struct site asking, own;
    struct slice rest;
    return site_read(origin, &asking, &rest) && rest.len == 0 &&
           (r->scheme.len == 0 || slice_eq_nocase(r->scheme, asking.scheme)) &&
           site_of_host(asking.scheme, r->host, &own) && site_eq(&asking, &own);
}

bool
origin_of_referer(struct slice referer, struct slice *ret_origin)
{
    size_t scheme = slice_find(referer, SLICE("://"));
    if (scheme == 0 || scheme == referer.len)
        return false;
    struct slice host = slice_from(referer, scheme + 3);
    size_t end = 0;
    while (end < host.len && host.ptr[end] != '/' && host.ptr[end] != '?' && host.ptr[end] != '#')
        end++;
    *ret_origin = slice_head(referer, scheme + 3 + end);
    return end > 0;
}

struct parts {
    struct slice scheme, host, port, tail;
};

static struct parts
split(struct slice s)
{
    struct parts p = {.scheme = SLICE("")};
    size_t colon = slice_find(s, SLICE("://"));
    if (colon < s.len) {
        p.scheme = slice_head(s, colon);
        s = slice_from(s, colon + 3);
    }
    size_t end = slice_index(s, '/');
    p.tail = slice_from(s, end);
    s = slice_head(s, end);
    size_t bracket = slice_index(s, ']'), from = bracket < s.len ? bracket : 0;
    size_t port = from + slice_index(slice_from(s, from), ':');
    p.host = slice_head(s, port);
    p.port = slice_from(s, port + 1);
    return p;
}

/* In what a pattern that does not match comes near: "its scheme", "its port", …; NULL: in nothing.
 */
static const char *
difference_of(struct slice pattern, struct slice origin)
{
    struct parts ours = split(pattern), theirs = split(origin);
    if (theirs.host.len == 0 || !origin_matches(ours.host, theirs.host, true))
        return NULL;
    return ours.scheme.len < theirs.scheme.len && ours.scheme.len == 0
               ? "its scheme, which is missing"
           : !slice_eq_nocase(ours.scheme, theirs.scheme)   ? "its scheme"
           : ours.tail.len                                  ? "the slash behind its host"
           : !slice_eq(ours.port, theirs.port)              ? "its port"
           : !origin_matches(ours.host, theirs.host, false) ? "its case"
           : !slice_eq(ours.scheme, theirs.scheme)          ? "its case"
                                                            : NULL;
}

struct slice
origin_advice(const struct string_list *list, const char *name, struct slice origin, char *out,
              size_t cap)
{
    const char *difference = NULL, *near = "";
    for (size_t i = 0; i < list->count && difference == NULL; i++) {
        near = list->items[i];
        difference = difference_of(slice_of(near), origin);
    }
    if (difference)
        snprintf(out, cap, "%s has %.150s, which differs in %s", name, near, difference);
    else
        snprintf(out, cap, "it is not in %s", name);
    return slice_of(out);
}
