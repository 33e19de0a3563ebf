#ifndef HUB_HEALTH_H
#define HUB_HEALTH_H

#include "request/exchange.h"

extern const struct exchange_handler health_handler; /* is the hub ready? */

#endif
