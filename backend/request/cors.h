#ifndef REQUEST_CORS_H
#define REQUEST_CORS_H

/* Which pages of other sites may read replies (PROTOCOL.md, "CORS"). A page that may not leaves a
 * line in the log, for its own console says little: at most one a second. */

#include "request/exchange.h"

/* True if the origin of this request may read the reply. */
bool cors_add(const struct exchange *, struct reply *);
/* The answer to a preflight. */
void cors_add_preflight(const struct exchange *, struct reply *);

#endif
