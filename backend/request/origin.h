#ifndef REQUEST_ORIGIN_H
#define REQUEST_ORIGIN_H

/* Whose page asks (RFC 6454), and whether it may. */

#include "config/string_list.h"
#include "request/exchange.h"

/* `pattern`: an origin, `*`, or an origin with one `*` inside, which stands for any run of bytes.
 */
bool origin_matches(struct slice pattern, struct slice origin, bool ignore_case);
/* Is this the origin of the request's own site? A scheme that is not known is either. */
bool origin_is_own(const struct exchange *, struct slice origin);
/* scheme://host[:port] at the start of a URL. */
bool origin_of_referer(struct slice referer, struct slice *ret_origin);
/* A sentence for an origin that is not in the list of that name; it lies in `out`. */
struct slice origin_advice(const struct string_list *, const char *name, struct slice origin,
                           char *out, size_t cap);

#endif
