#ifndef GATEWAY_FASTCGI_FRAMING_H
#define GATEWAY_FASTCGI_FRAMING_H

/* Updates as STDOUT records; the mark is the request's id. */

#include "gateway/run.h"

extern const struct framing framing_stdout;

#endif
