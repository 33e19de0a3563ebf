#ifndef REQUEST_FRONT_H
#define REQUEST_FRONT_H

/* What is believed of a request that came through somebody in front (DESIGN.md, section 4, "Who is
 * believed"). */

#include "request/exchange.h"

/* Settles request.scheme, host and address by what the configuration believes. False: the host is
 * none of public_urls (421). */
MUST_CHECK bool front_settle(struct exchange *);

#endif
