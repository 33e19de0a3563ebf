#ifndef HUB_HEAD_H
#define HUB_HEAD_H

#include "request/exchange.h"

extern const struct exchange_handler head_handler; /* HEAD: what GET would say */

#endif
