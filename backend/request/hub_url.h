#ifndef REQUEST_HUB_URL_H
#define REQUEST_HUB_URL_H

/* Under which URL a request reached the hub, once front_settle() was called. */

#include "request/exchange.h"

/* The hub's resource identifier as of this request, what a token of 1.0 must name as `aud`. In the
 * arena or the configuration; an empty one where the host is not known. */
struct slice hub_url_audience(struct exchange *);
/* Does it follow the request, because the configuration does not say it? */
bool hub_url_audience_follows(const struct config *);
/* Is it one that the configuration says? */
bool hub_url_is_audience(const struct config *, struct slice audience);
/* The URL against which topics and URL Patterns are resolved (PROTOCOL.md, "Subscribe"). */
struct slice hub_url_base(struct exchange *);
/* The URL of the metadata (RFC 9728, section 3.1); empty: the host is not known. */
struct slice hub_url_metadata(struct exchange *);

/* Path of the metadata, in front of the hub's own. */
#define HUB_URL_METADATA_PREFIX "/.well-known/oauth-protected-resource"

#endif
