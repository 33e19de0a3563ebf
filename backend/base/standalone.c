/* standalone - the static program on a system that it was not built on.
 *
 * What one gets wrong: a static program is not alone. For names of hosts and users the C library
 * opens what /etc/nsswitch.conf names, and OpenSSL what its configuration does: libraries of the
 * system, made for another C library, which end in a crash. So both are told to open none: names
 * are those of /etc/hosts, of name servers, /etc/passwd and /etc/group. And OpenSSL looks for the
 * certificates that are trusted where Debian has them: other systems have them elsewhere. */

#include "base/standalone.h"

#ifdef ALIPES_STATIC

#include "base/slice.h"

#include <nss.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <unistd.h>

static const struct {
    const char *database, *sources;
} names[] = {
    {"hosts", "files dns"}, {"services", "files"},   {"passwd", "files"},
    {"group", "files"},     {"initgroups", "files"},
};

static const char *const certificates[] = {
    "/etc/ssl/certs/ca-certificates.crt", /* Debian, Ubuntu, Arch */
    "/etc/pki/tls/certs/ca-bundle.crt",   /* Fedora and its kin */
    "/etc/ssl/ca-bundle.pem",             /* SUSE */
    "/etc/ssl/cert.pem",                  /* Alpine */
};

static void
find_certificates(void)
{
    for (size_t i = 0; i < COUNT_OF(certificates); i++)
        if (access(certificates[i], R_OK) == 0) {
            setenv("SSL_CERT_FILE", certificates[i], 0); /* whoever has set it knows better */
            return;
        }
}

void
standalone_begin(void)
{
    for (size_t i = 0; i < COUNT_OF(names); i++)
        __nss_configure_lookup(names[i].database, names[i].sources);
    OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
    find_certificates();
}

#else

void
standalone_begin(void)
{
}

#endif
