#ifndef REQUEST_MEDIA_H
#define REQUEST_MEDIA_H

/* Media types (RFC 9110, section 8.3.1) and which of them a request wants (section 12.5.1). */

#include "request/exchange.h"

/* type/subtype of a Content-Type, without parameters. False: it is none. */
bool media_type_read(struct slice value, struct slice *ret_type);

/* What the Accept headers of a request say of a type. */
enum media_wish {
    MEDIA_UNSAID, /* nothing: there is none, or not one that can be read */
    MEDIA_REFUSED,
    MEDIA_WANTED,
};
enum media_wish media_wish(const struct request *, struct slice type);

#endif
