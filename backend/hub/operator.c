/* operator - metrics_listen may be where Prometheus reaches it from another machine; what names
 * addresses, topics and subjects is told on this one alone. What one gets wrong: a page of an
 * origin without TLS whose name leads to 127.0.0.1 now. To its browser that is the page's own
 * origin, so neither Origin nor Sec-Fetch-Site is sent; Host is. And a front on this machine stands
 * for others. */

#include "hub/operator.h"

#include "base/alloc.h"
#include "base/cidr.h"
#include "base/site.h"

static bool
is_loopback(const unsigned char address[16])
{
    struct cidr v4, v6;
    ENSURE(cidr_read(SLICE("127.0.0.0/8"), &v4) && cidr_read(SLICE("::1"), &v6));
    return cidr_has(&v4, address) || cidr_has(&v6, address);
}

static bool
names_loopback(struct slice host)
{
    struct site site;
    unsigned char address[16];
    if (!site_of_host(SLICE("http"), host, &site))
        return false;
    if (slice_starts(site.host, SLICE("[")))
        site.host = slice_head(slice_from(site.host, 1), site.host.len - 2);
    return slice_eq_nocase(site.host, SLICE("localhost")) ||
           (cidr_read_address(site.host, address) && is_loopback(address));
}

static bool
is_of_this_machine(const struct request *r)
{
    return r->peer == NULL || (is_loopback(r->peer) && names_loopback(r->host));
}

/* A browser for a page, or a front for somebody. */
static bool
is_for_another(const struct request *r)
{
    static const struct slice signs[] = {
        SLICE_INIT("Origin"),
        SLICE_INIT("Sec-Fetch-Site"),
        SLICE_INIT("Forwarded"),
        SLICE_INIT("X-Forwarded-For"),
        SLICE_INIT("X-Forwarded-Proto"),
        SLICE_INIT("X-Real-IP"),
        SLICE_INIT("X-Forwarded-Host"),
        SLICE_INIT("Via"),
    };
    struct slice value;
    bool any = false;
    for (size_t i = 0; i < COUNT_OF(signs) && !any; i++)
        any = request_header(r, signs[i], &value);
    return any;
}

bool
operator_asks(const struct exchange *ex)
{
    return is_of_this_machine(ex->request) && !is_for_another(ex->request);
}
