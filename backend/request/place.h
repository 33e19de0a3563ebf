#ifndef REQUEST_PLACE_H
#define REQUEST_PLACE_H

/* Under which URL a request reached the hub (DESIGN.md, section 4, "Who is believed"). */

#include "request/exchange.h"

/* Settles request.scheme, host and address by what the configuration believes. False: the host is
 * none of public_urls (421). */
MUST_CHECK bool place_settle(struct exchange *);

/* The hub's resource identifier as of this request, what a token of 1.0 must name as `aud`. In the
 * arena or the configuration; an empty one where the host is not known. */
struct slice place_audience(struct exchange *);
/* Does it follow the request, because the configuration does not say it? */
bool place_audience_follows(const struct config *);
/* Is it one that the configuration says? */
bool place_is_audience(const struct config *, struct slice audience);
/* The URL against which topics and URL Patterns are resolved (PROTOCOL.md, "Subscribe"). */
struct slice place_base(struct exchange *);
/* The URL of the metadata (RFC 9728, section 3.1); empty: the host is not known. */
struct slice place_metadata_url(struct exchange *);
/* Is this the origin of the request's own site? A scheme that is not known is either. */
bool place_is_own_origin(const struct exchange *, struct slice origin);

/* Path of the metadata, in front of the hub's own. */
#define PLACE_METADATA "/.well-known/oauth-protected-resource"

#endif
