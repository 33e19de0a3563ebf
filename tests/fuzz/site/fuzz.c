/* Addresses, ranges and sites: any text is one or is not, and is itself again. */

#include "base/alloc.h"
#include "base/cidr.h"
#include "base/site.h"

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t len);

int
LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t len)
{
    struct slice text = SLICE_OF((const char *)bytes, len), rest;
    struct cidr range;
    struct site site, again;
    if (cidr_read(text, &range))
        ENSURE(range.bits <= 128 && cidr_has(&range, range.address));
    if (site_read(text, &site, &rest))
        ENSURE(site_eq(&site, &site) && site.port <= 65535 && rest.len < len);
    if (site_of_host(SLICE("https"), text, &site))
        ENSURE(site_of_host(site.scheme, site.host, &again) && again.host.len == site.host.len);
    return 0;
}
