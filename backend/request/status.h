#ifndef REQUEST_STATUS_H
#define REQUEST_STATUS_H

#include "base/slice.h"

struct slice status_reason(unsigned status); /* "Not Found" (RFC 9110, section 15) */

#endif
