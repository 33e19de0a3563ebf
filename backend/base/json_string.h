#ifndef BASE_JSON_STRING_H
#define BASE_JSON_STRING_H

/* A string as JSON writes it, with its quotes (RFC 8259, section 7). */

#include "base/buf.h"

/* `utf8` is well-formed; it may hold NUL. */
void json_string_write(struct buf *out, struct slice utf8);

#endif
