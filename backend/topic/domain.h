#ifndef TOPIC_DOMAIN_H
#define TOPIC_DOMAIN_H

/* The URL standard's domain parser, beStrict false (section 3.3). Any thread. */

#include "base/arena.h"

enum {
    /* Beyond this, a domain that is not ASCII is refused: Punycode takes time in the square of a
     * label's length. DNS allows 253 bytes. */
    DOMAIN_MAX_UNICODE = 1024
};

/* `domain` is well-formed UTF-8 and not empty. False: not a domain, or the arena is full. */
MUST_CHECK bool domain_to_ascii(struct arena *, struct slice domain, struct slice *ret_ascii);

#endif
