/* operator - metrics_listen may be where Prometheus reaches it from another machine; what names
 * addresses, topics and subjects is told on this one alone. */

#include "hub/operator.h"

#include "base/alloc.h"
#include "base/cidr.h"

static bool
is_of_this_machine(const struct request *r)
{
    struct cidr v4, v6;
    ENSURE(cidr_read(SLICE("127.0.0.0/8"), &v4) && cidr_read(SLICE("::1"), &v6));
    return r->peer == NULL || cidr_has(&v4, r->peer) || cidr_has(&v6, r->peer);
}

static bool
is_from_a_page(const struct request *r)
{
    struct slice value;
    return request_header(r, SLICE("Origin"), &value) ||
           request_header(r, SLICE("Sec-Fetch-Site"), &value);
}

bool
operator_asks(const struct exchange *ex)
{
    return is_of_this_machine(ex->request) && !is_from_a_page(ex->request);
}
