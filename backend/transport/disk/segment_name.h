#ifndef TRANSPORT_DISK_SEGMENT_NAME_H
#define TRANSPORT_DISK_SEGMENT_NAME_H

/* "<run>-<sequence>.log" and ".idx", 16 hexadecimal digits each. */

#include "base/error.h"
#include "transport/position.h"

enum {
    SEGMENT_NAME = 64, /* with any suffix, and its NUL */
};

void segment_name(char out[SEGMENT_NAME], struct position first, const char *suffix);
MUST_CHECK bool segment_name_read(const char *name, const char *suffix, struct position *ret);

#endif
