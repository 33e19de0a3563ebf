#ifndef REQUEST_REPLY_H
#define REQUEST_REPLY_H

/* Replies as all rooms above make them: CORS on every one, no-store on every refusal. */

#include "auth/refusal.h"
#include "request/exchange.h"

/* An empty reply of that status with the CORS headers of this request (PROTOCOL.md, CORS). */
void reply_begin(const struct exchange *, struct reply *, unsigned status);
/* One sentence of text. Ends the exchange, as all below do that take it. */
void reply_text(struct exchange *, unsigned status, struct slice sentence);
void reply_other_host(struct exchange *); /* 421: front_settle() */
/* 405, and `allow` in the Allow header. */
void reply_method_not_allowed(struct exchange *, struct slice allow);
/* What a token, or the lack of one, ends in: 401 in 0.x; in 1.0 also 403 and 400, with error code
 * and resource_metadata. The reason goes to the log (and, with debug, to a header), never into the
 * body. */
void reply_refusal(struct exchange *, const struct token_refusal *);
/* 200 and the headers of an event stream. */
void reply_stream_head(const struct exchange *, struct reply *);
/* OPTIONS: a preflight, or 204 with Allow. */
void reply_options(struct exchange *, struct slice allow);

#endif
