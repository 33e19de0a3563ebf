/* steal - the client's socket, and OpenSSL's object, are taken out of a connection of Apache.
 *
 * The descriptor is duplicated, the SSL object is referenced once more, and the connection is
 * marked as aborted: so Apache logs the request and closes its own descriptor, but writes nothing,
 * says no close_notify and does not shut the socket down. mod_ssl still has the object until its
 * cleanup of the connection's pool has run. Ours was registered before it (pre_connection, first of
 * all), so it runs behind it, and only there the client is given to a poller.
 *
 * That is sound only where nothing else stands between the request and the socket: core alone, or
 * mod_ssl and core, and no filter of the site's that wants to see the body. */

#include "mod_alipes/steal.h"

#include "base/compiler.h"
#include "mod_alipes/poller.h"
#include "mod_alipes/settings.h"

#include <fcntl.h>
#include <openssl/ssl.h>
#include <strings.h>

#include "http_connection.h"
#include "http_core.h"
#include "util_filter.h"

#include "apr_optional_hooks.h"
#include "apr_portable.h"
#include "apr_strings.h"

extern module AP_MODULE_DECLARE_DATA alipes_module;

/* mod_ssl's, whose header is not installed. */
typedef int ssl_HOOK_pre_handshake_t(conn_rec *, SSL *, int is_proxy);

/* Of each connection. */
struct held {
    SSL *ssl;                /* borrows */
    struct arrival *arrival; /* that takes it; NULL: it stays Apache's */
};

/* Filters of the connection between which and the socket nothing is changed but by TLS. */
static const char *const transparent[] = {"core", "ssl/tls filter", "ssl/tls coalescing filter",
                                          "reqtimeout", "log_input_output"};
/* Filters of a request that have done their work once the head is out, or let a stream alone. */
static const char *const harmless[] = {"fixup_headers_out", "fixup_headers_err", "mod_expires",
                                       "deflate", "brotli_compress"};

static bool
is_among(const char *name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcasecmp(name, names[i]) == 0)
            return true;
    return false;
}

static struct held *
held_of(conn_rec *c)
{
    struct held *h = ap_get_module_config(c->conn_config, &alipes_module);
    if (h == NULL) {
        h = apr_pcalloc(c->pool, sizeof *h);
        ap_set_module_config(c->conn_config, &alipes_module, h);
    }
    return h;
}

static bool
is_filtered(const request_rec *r, const char **ret_why)
{
    for (ap_filter_t *f = r->output_filters; f; f = f->next) {
        const char *name = f->frec->name;
        bool is_of_site = f->frec->ftype < AP_FTYPE_PROTOCOL;
        bool is_of_connection = f->frec->ftype >= AP_FTYPE_CONNECTION;
        if ((is_of_site && !is_among(name, harmless, COUNT_OF(harmless)) &&
             strncasecmp(name, "bytype:", 7)) ||
            (is_of_connection && !is_among(name, transparent, COUNT_OF(transparent)))) {
            *ret_why = name;
            return true;
        }
    }
    return false;
}

static bool
is_tls(const conn_rec *c)
{
    for (ap_filter_t *f = c->output_filters; f; f = f->next)
        if (strcasecmp(f->frec->name, "ssl/tls filter") == 0)
            return true;
    return false;
}

bool
steal_is_possible(request_rec *r, const char **ret_why)
{
    conn_rec *c = r->connection;
    *ret_why = NULL;
    if (c->master || r->main || r->prev || r->assbackwards || ap_get_conn_socket(c) == NULL)
        return false;
    if (is_filtered(r, ret_why))
        return false;
    if (is_tls(c) && held_of(c)->ssl == NULL)
        *ret_why = "a TLS connection that is not mod_ssl's";
    return *ret_why == NULL;
}

bool
steal_take(request_rec *r, struct arrival *a)
{
    conn_rec *c = r->connection;
    struct held *h = held_of(c);
    apr_os_sock_t own;
    apr_os_sock_get(&own, ap_get_conn_socket(c));
    int fd = fcntl(own, F_DUPFD_CLOEXEC, 0);
    if (fd < 0)
        return false;
    (void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    if (h->ssl)
        SSL_up_ref(h->ssl);
    a->client = (struct client){.fd = fd, .ssl = h->ssl};
    h->arrival = a;
    c->keepalive = AP_CONN_CLOSE;
    c->aborted = 1;
    return true;
}

static apr_status_t
on_connection_gone(void *arg)
{
    struct held *h = arg;
    struct arrival *a = h->arrival;
    if (a == NULL)
        return APR_SUCCESS;
    h->arrival = NULL;
    client_init(&a->client, a->client.fd, a->client.ssl);
    pollers_give_back(a, INTENT_TAKEN);
    return APR_SUCCESS;
}

static int
on_connection(conn_rec *c, void *socket)
{
    (void)socket;
    if (settings.is_used && c->master == NULL)
        apr_pool_cleanup_register(c->pool, held_of(c), on_connection_gone, apr_pool_cleanup_null);
    return DECLINED;
}

static int
on_handshake(conn_rec *c, SSL *ssl, int is_proxy)
{
    if (settings.is_used && !is_proxy)
        held_of(c)->ssl = ssl;
    return 0;
}

void
steal_hooks(void)
{
    ap_hook_pre_connection(on_connection, NULL, NULL, APR_HOOK_REALLY_FIRST);
    APR_OPTIONAL_HOOK(ssl, pre_handshake, on_handshake, NULL, NULL, APR_HOOK_MIDDLE);
}
