#ifndef AUTH_BASE64URL_H
#define AUTH_BASE64URL_H

/* Base64url without padding (RFC 4648, section 5; RFC 7515, section 2), strict: one text for one
 * run of bytes. */

#include "base/arena.h"

enum parse base64url_decode(struct arena *, struct slice text, struct slice *ret_bytes) MUST_CHECK;
/* `out` has room for (len * 4 + 2) / 3 bytes; returns how many were written. */
size_t base64url_encode(struct slice bytes, char *out);

#endif
