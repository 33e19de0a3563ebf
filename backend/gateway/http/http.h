#ifndef GATEWAY_HTTP_HTTP_H
#define GATEWAY_HTTP_HTTP_H

/* HTTP/1.1 and 1.0 on a connection: a wire of struct exchange. */

#include "gateway/link.h"

extern const struct link_kind http_kind;

#endif
