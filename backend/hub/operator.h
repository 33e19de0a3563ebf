#ifndef HUB_OPERATOR_H
#define HUB_OPERATOR_H

#include "request/exchange.h"

/* Does somebody ask who may see what streams and updates are about: on this machine (a socket's
 * rights, or loopback), and no page in its browser? That is more than counters. */
bool operator_asks(const struct exchange *);

#endif
