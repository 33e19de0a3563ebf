/* Forwarded and X-Forwarded-…: whatever stands there, what is told is a scheme and an address. */

#include "base/alloc.h"
#include "base/cidr.h"
#include "request/forwarded.h"

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t len);

static void
check(struct forwarded_client c)
{
    unsigned char address[16];
    ENSURE(c.scheme.len == 0 || c.scheme.len == 4 || c.scheme.len == 5);
    ENSURE(c.address.len == 0 || cidr_read_address(c.address, address));
}

int
LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t len)
{
    struct slice text = SLICE_OF((const char *)bytes, len);
    check(forwarded_read(text));
    check(forwarded_read_x(text, text));
    return 0;
}
