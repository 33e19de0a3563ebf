#ifndef HUB_CENSUS_H
#define HUB_CENSUS_H

#include "request/exchange.h"

extern const struct exchange_handler census_handler; /* who is connected */

#endif
