#ifndef HUB_METADATA_H
#define HUB_METADATA_H

#include "request/exchange.h"

extern const struct exchange_handler metadata_handler; /* RFC 9728 */

#endif
