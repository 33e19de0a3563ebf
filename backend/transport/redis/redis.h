#ifndef TRANSPORT_REDIS_REDIS_H
#define TRANSPORT_REDIS_REDIS_H

/* The transport that several hubs share: `transport redis`. */

#include "transport/transport.h"

extern const struct transport_ops redis_transport;

#endif
