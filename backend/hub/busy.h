#ifndef HUB_BUSY_H
#define HUB_BUSY_H

/* What cannot be had now, though nothing is wrong with asking for it. Each ends the exchange. */

#include "request/exchange.h"

/* Is it asked for a stream, and not for a list or to publish? */
bool busy_wants_stream(const struct exchange *);
/* A stream of 200, `retry:` and the end (directive busy), so that an EventSource comes back; 503
 * for everything else. `why`: a word for the developer tools, as a comment of the stream, which
 * pages do not hear. */
void busy_answer(struct exchange *, const char *why, struct slice sentence);
/* The same: the hub stops. */
void busy_stopping(struct exchange *);

#endif
