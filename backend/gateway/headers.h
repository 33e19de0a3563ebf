#ifndef GATEWAY_HEADERS_H
#define GATEWAY_HEADERS_H

/* The text that heads of replies share on every wire. */

#include "base/buf.h"
#include "request/exchange.h"

void headers_add(struct buf *, struct slice name, struct slice value);
void headers_add_number(struct buf *, struct slice name, uint64_t value);
void headers_add_all(struct buf *, const struct reply *);

#endif
