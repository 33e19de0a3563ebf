#ifndef REQUEST_ORIGIN_H
#define REQUEST_ORIGIN_H

#include "base/slice.h"
#include "config/string_list.h"

/* `pattern`: an origin, `*`, or an origin with one `*` inside, which stands for any run of bytes.
 */
bool origin_matches(struct slice pattern, struct slice origin, bool ignore_case);
/* scheme://host[:port] at the start of a URL. */
bool origin_of_referer(struct slice referer, struct slice *ret_origin);
/* In what a pattern that does not match comes near: "its scheme", "its port", …; NULL: in nothing.
 */
const char *origin_difference(struct slice pattern, struct slice origin);
/* A sentence for an origin that is not in the list of that name; it lies in `out`. */
struct slice origin_advice(const struct string_list *, const char *name, struct slice origin,
                           char *out, size_t cap);

#endif
