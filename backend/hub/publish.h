#ifndef HUB_PUBLISH_H
#define HUB_PUBLISH_H

#include "request/exchange.h"

extern const struct exchange_handler publish_handler; /* POST */

#endif
