#ifndef REQUEST_COOKIE_H
#define REQUEST_COOKIE_H

#include "base/slice.h"

/* In one Cookie header value: the first cookie of exactly that name. Double quotes around the
 * value are taken off; an empty value is there. */
bool cookie_find(struct slice header_value, struct slice name, struct slice *ret_value);

#endif
