#ifndef GATEWAY_FASTCGI_FASTCGI_H
#define GATEWAY_FASTCGI_FASTCGI_H

/* FastCGI 1.0 on a connection: a wire of struct exchange. */

#include "gateway/link.h"

extern const struct link_kind fastcgi_kind;

#endif
