#ifndef HUB_TRACING_H
#define HUB_TRACING_H

#include "request/exchange.h"

struct hub_worker;

extern const struct exchange_handler tracing_handler; /* GET /trace?topic=… of metrics_listen */
/* The hub stops: ends all that are asked for at this worker. */
void tracing_stop(struct hub_worker *);

#endif
