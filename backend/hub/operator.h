#ifndef HUB_OPERATOR_H
#define HUB_OPERATOR_H

#include "request/exchange.h"

/* Does somebody ask who may see what streams and updates are about: on this machine (a socket's
 * rights, or loopback), by its own name, and neither a page in its browser nor a front for
 * somebody? That is more than counters. */
bool operator_asks(const struct exchange *);

#endif
