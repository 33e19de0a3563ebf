#ifndef GATEWAY_FASTCGI_PARAMS_H
#define GATEWAY_FASTCGI_PARAMS_H

/* What a web server says of a request in its params (FastCGI 6.2, CGI/1.1), as a struct request. */

#include "base/arena.h"
#include "base/buf.h"
#include "request/exchange.h"

/* `params` is the whole stream; its bytes are changed in place (names of headers) and borrowed by
 * *ret, which is zeroed. Route and query come from REQUEST_URI alone: SCRIPT_NAME and PATH_INFO are
 * decoded, and every front cuts them elsewhere. Returns 0, or the status of the refusal (400, 431,
 * 503). */
MUST_CHECK unsigned params_read(struct buf *params, struct arena *, struct request *ret);

/* Did the front authenticate by Bearer and keep the token to itself? */
bool params_show_stripped_token(const struct buf *params);

#endif
