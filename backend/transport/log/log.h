#ifndef TRANSPORT_LOG_LOG_H
#define TRANSPORT_LOG_LOG_H

/* The transport that writes history to disk and commits with what is written. */

#include "transport/transport.h"

extern const struct transport_ops transport_log;

#endif
