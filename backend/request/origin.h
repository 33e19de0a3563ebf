#ifndef REQUEST_ORIGIN_H
#define REQUEST_ORIGIN_H

#include "base/slice.h"

/* `pattern`: an origin, `*`, or an origin with one `*` inside, which stands for any run of bytes.
 */
bool origin_matches(struct slice pattern, struct slice origin, bool ignore_case);
/* scheme://host[:port] at the start of a URL. */
bool origin_of_referer(struct slice referer, struct slice *ret_origin);

#endif
