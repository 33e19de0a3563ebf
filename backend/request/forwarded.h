#ifndef REQUEST_FORWARDED_H
#define REQUEST_FORWARDED_H

/* What our own front says about its client, in X-Forwarded-Proto and X-Forwarded-For or in
 * Forwarded (RFC 7239). A client may send such headers too; a front that is configured well
 * overwrites or appends, so only the last element is the front's. Pure functions on bytes. */

#include "base/slice.h"

struct forwarded_client {
    struct slice scheme;  /* "http", "https"; empty: not told */
    struct slice address; /* an IP address without port or brackets; empty: not told */
};

/* Values of the last header of each name; empty: none. */
struct forwarded_client forwarded_read_x(struct slice proto, struct slice for_);
struct forwarded_client forwarded_read(struct slice value);

#endif
