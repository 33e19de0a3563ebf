#ifndef BASE_SITE_H
#define BASE_SITE_H

/* Where a page or a hub is: scheme, host and port. What browsers send as Origin. */

#include "base/slice.h"

struct site {
    struct slice scheme, host; /* borrowed; an IPv6 address with its brackets */
    unsigned port;             /* that of the scheme where none is written */
};

/* scheme://host[:port], scheme http or https; *ret_rest is what follows. False: it is not. */
MUST_CHECK bool site_read(struct slice url, struct site *ret, struct slice *ret_rest);
/* host[:port], the value of a Host header, where the scheme is known otherwise. */
MUST_CHECK bool site_of_host(struct slice scheme, struct slice host, struct site *ret);
/* Letters of scheme and host are equal whatever their case. */
bool site_eq(const struct site *, const struct site *);

#endif
