#ifndef TOPIC_HOST_H
#define TOPIC_HOST_H

/* The URL standard's host parser and serialiser in one step (sections 3.5, 3.6). */

#include "base/arena.h"

/* `in` is well-formed UTF-8. `is_opaque`: of a URL that is not special; otherwise `in` is not
 * empty. *ret_host is ASCII: a domain, an IPv4 address, an IPv6 address in brackets, or an opaque
 * host; it lies in the arena. False: not a host, or the arena is full. */
MUST_CHECK bool host_parse(struct arena *, struct slice in, bool is_opaque, struct slice *ret_host);

#endif
