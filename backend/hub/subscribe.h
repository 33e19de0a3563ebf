#ifndef HUB_SUBSCRIBE_H
#define HUB_SUBSCRIBE_H

#include "request/exchange.h"

extern const struct exchange_handler subscribe_handler; /* GET */
extern const struct exchange_handler
    subscribe_query_handler; /* QUERY: as GET, with a form in its body */

#endif
