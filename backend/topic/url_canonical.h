#ifndef TOPIC_URL_CANONICAL_H
#define TOPIC_URL_CANONICAL_H

/* The canonicalisers of URL Pattern ("canonicalize a …"), each a setter's state of the URL parser
 * on a fresh record (https://dummy.invalid/). The empty string stays empty. False: the standard
 * throws a TypeError, or the arena is full. */

#include "base/arena.h"

MUST_CHECK bool url_canonical_protocol(struct arena *, struct slice in, struct slice *ret);
MUST_CHECK bool url_canonical_username(struct arena *, struct slice in, struct slice *ret);
MUST_CHECK bool url_canonical_password(struct arena *, struct slice in, struct slice *ret);
MUST_CHECK bool url_canonical_hostname(struct arena *, struct slice in, struct slice *ret);
MUST_CHECK bool url_canonical_ipv6_hostname(struct arena *, struct slice in, struct slice *ret);
/* The default port of `protocol` becomes the empty string; empty where it is not known. */
MUST_CHECK bool url_canonical_port(struct arena *, struct slice in, struct slice protocol,
                                   struct slice *ret);
MUST_CHECK bool url_canonical_pathname(struct arena *, struct slice in, struct slice *ret);
MUST_CHECK bool url_canonical_opaque_pathname(struct arena *, struct slice in, struct slice *ret);
MUST_CHECK bool url_canonical_search(struct arena *, struct slice in, struct slice *ret);
MUST_CHECK bool url_canonical_hash(struct arena *, struct slice in, struct slice *ret);

#endif
