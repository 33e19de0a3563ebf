#ifndef TRANSPORT_MEMORY_H
#define TRANSPORT_MEMORY_H

/* The transport that keeps a ring of batches in memory and nothing else. */

#include "transport/transport.h"

extern const struct transport_ops transport_memory;

#endif
