#ifndef TRANSPORT_DISK_DISK_H
#define TRANSPORT_DISK_DISK_H

/* The transport that keeps its history on disk: `transport log`. */

#include "transport/transport.h"

extern const struct transport_ops disk_transport;

#endif
