/* front - scheme, host and address, each from the one source that may say it.
 *
 *     scheme   the public_urls entry of this host; else FastCGI's params, or on HTTP the header
 *              that `forwarded` names, from trusted_proxies alone; else not known
 *     host     Host, whatever the wire
 *     address  FastCGI's REMOTE_ADDR, or on HTTP the same header; what is no IP address (nginx on a
 *              Unix socket says "unix:" of everybody) is not known
 *
 * Stock fronts pass a client's own X-Forwarded-* on, so nothing of it is believed unless the
 * operator says that the front overwrites it. */

#include "request/front.h"

#include "base/cidr.h"
#include "base/site.h"
#include "config/config.h"
#include "request/forwarded.h"

static struct slice
last_header(const struct request *r, struct slice name)
{
    struct slice value = SLICE("");
    for (size_t i = 0; i < r->header_count; i++)
        if (slice_eq_nocase(r->headers[i].name, name))
            value = r->headers[i].value;
    return value;
}

static bool
peer_is_trusted(const struct config *c, const unsigned char *peer)
{
    if (peer == NULL)
        return true; /* a Unix socket: who may connect is a matter of its mode */
    for (size_t i = 0; i < c->proxy_count; i++)
        if (cidr_has(&c->proxies[i], peer))
            return true;
    return false;
}

static void
believe_front(const struct config *c, struct request *r)
{
    if (r->is_told || c->forwarded == FORWARDED_NONE || !peer_is_trusted(c, r->peer))
        return;
    struct forwarded_client client =
        c->forwarded == FORWARDED_FORWARDED
            ? forwarded_read(last_header(r, SLICE("Forwarded")))
            : forwarded_read_x(last_header(r, SLICE("X-Forwarded-Proto")),
                               last_header(r, SLICE("X-Forwarded-For")));
    r->scheme = client.scheme;
    r->address = client.address;
}

/* By new rules a request is settled anew: from what the wire told, not from what the old ones made
 * of it. */
static void
begin_as_told(struct request *r)
{
    if (!r->is_settled)
        r->told = (struct told){r->scheme, r->host, r->address};
    r->is_settled = true;
    r->scheme = r->told.scheme;
    r->host = r->told.host;
    r->address = r->told.address;
}

/* The entry of public_urls for this host; false: there is none. */
static bool
find_public(const struct config *c, const struct request *r, struct site *ret)
{
    bool found = false;
    for (size_t i = 0; i < c->public_urls.count; i++) {
        struct site entry, own;
        struct slice rest;
        if (!site_read(slice_of(c->public_urls.items[i]), &entry, &rest) ||
            !site_of_host(entry.scheme, r->host, &own) || !site_eq(&entry, &own))
            continue;
        if (!found || slice_eq_nocase(entry.scheme, r->scheme))
            *ret = entry;
        found = true;
    }
    return found;
}

bool
front_settle(struct exchange *ex)
{
    const struct config *c = ex->config;
    struct request *r = ex->request;
    struct site site;
    unsigned char address[16];
    begin_as_told(r);
    believe_front(c, r);
    if (!cidr_read_address(r->address, address))
        r->address = SLICE("");
    if (!slice_eq_nocase(r->scheme, SLICE("https")) && !slice_eq_nocase(r->scheme, SLICE("http")))
        r->scheme = SLICE("");
    if (c->public_urls.count) {
        if (!find_public(c, r, &site))
            return false;
        r->scheme = site.scheme;
    }
    /* It goes into headers and documents: a host that cannot be one is not known. */
    if (!site_of_host(r->scheme.len ? r->scheme : SLICE("http"), r->host, &site))
        r->host = SLICE("");
    return true;
}
