#ifndef ROUTES_H
#define ROUTES_H

#include "request/exchange.h"

/* The handler for a request whose head is complete; sets ex->config. Never NULL. */
const struct exchange_handler *routes_find(struct exchange *);
/* The same on a socket of metrics_listen. */
const struct exchange_handler *routes_find_metrics(struct exchange *);

#endif
