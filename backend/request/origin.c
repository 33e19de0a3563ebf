/* origin - who may ask: comparing origins with what is configured. */

#include "request/origin.h"

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
