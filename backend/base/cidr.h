#ifndef BASE_CIDR_H
#define BASE_CIDR_H

/* IP addresses and ranges of them, as text: 10.0.0.0/8, ::1, fd00::/8. IPv4 is kept as the IPv6
 * addresses that stand for it (RFC 4291, section 2.5.5.2), so one range never means both. */

#include "base/slice.h"

struct cidr {
    unsigned char address[16];
    unsigned bits; /* that count */
};

/* An address, or a range whose other bits are zero. False: neither; `ret` is untouched. */
MUST_CHECK bool cidr_read(struct slice text, struct cidr *ret);
/* An address alone, without a zone. */
MUST_CHECK bool cidr_read_address(struct slice text, unsigned char ret[16]);
bool cidr_has(const struct cidr *, const unsigned char address[16]);

#endif
