#ifndef GATEWAY_FASTCGI_AUTHORIZATION_HINT_H
#define GATEWAY_FASTCGI_AUTHORIZATION_HINT_H

/* A line in the log, where a request was refused that came without any token. */

#include "request/exchange.h"

void authorization_hint(const struct exchange *, const struct buf *params);

#endif
