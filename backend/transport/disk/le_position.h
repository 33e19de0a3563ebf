#ifndef TRANSPORT_DISK_LE_POSITION_H
#define TRANSPORT_DISK_LE_POSITION_H

/* A position as files hold it: run, then sequence, 16 bytes. */

#include "base/le.h"
#include "transport/position.h"

static inline void
le_position_put(char *at, struct position p)
{
    le64_put(at, p.run);
    le64_put(at + 8, p.sequence);
}

static inline struct position
le_position_get(const char *at)
{
    return (struct position){le64_get(at), le64_get(at + 8)};
}

#endif
