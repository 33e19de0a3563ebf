#ifndef HUB_SCRAPE_H
#define HUB_SCRAPE_H

#include "request/exchange.h"

extern const struct exchange_handler scrape_handler; /* the page of metrics */

#endif
