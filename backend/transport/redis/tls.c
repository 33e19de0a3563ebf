/* tls - TLS over a socket that does not block, by OpenSSL's own socket BIO.
 *
 * What one gets wrong: OpenSSL's queue of errors is the thread's, and what an earlier call has left
 * there is taken for this one's; a read may want to write, and a write to read; and a certificate
 * is compared with a name only where that was asked for, with an address by another call. */

#include "transport/redis/tls.h"

#include "base/alloc.h"
#include "base/library.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#define CALLS(X)                                                                                   \
    X(TLS_client_method)                                                                           \
    X(SSL_CTX_new)                                                                                 \
    X(SSL_CTX_free)                                                                                \
    X(SSL_CTX_ctrl)                                                                                \
    X(SSL_CTX_set_options)                                                                         \
    X(SSL_CTX_set_verify)                                                                          \
    X(SSL_CTX_load_verify_locations)                                                               \
    X(SSL_CTX_set_default_verify_paths)                                                            \
    X(SSL_CTX_use_certificate_chain_file)                                                          \
    X(SSL_CTX_use_PrivateKey_file)                                                                 \
    X(SSL_CTX_check_private_key)                                                                   \
    X(SSL_CTX_set_default_passwd_cb)                                                               \
    X(SSL_new)                                                                                     \
    X(SSL_free)                                                                                    \
    X(SSL_ctrl)                                                                                    \
    X(SSL_set_fd)                                                                                  \
    X(SSL_set1_host)                                                                               \
    X(SSL_get0_param)                                                                              \
    X(SSL_connect)                                                                                 \
    X(SSL_read_ex)                                                                                 \
    X(SSL_write_ex)                                                                                \
    X(SSL_get_error)                                                                               \
    X(SSL_get_verify_result)
#define SONAME(version)    SONAME_OF(version)
#define SONAME_OF(version) "libssl.so." #version

static struct {
    CALLS(LIBRARY_POINTER)
} lib;
static const struct library_call names[] = {CALLS(LIBRARY_NAME) LIBRARY_END};
static struct library libssl = LIBRARY_INIT(SONAME(OPENSSL_SHLIB_VERSION), names, &lib);

struct tls {
    SSL_CTX *context;
    char *name; /* NULL: the host's */
    bool insecure;
};

struct tls_session {
    SSL *ssl;
};

/* What OpenSSL says last of what went wrong. */
static const char *
reason(void)
{
    unsigned long code = ERR_peek_last_error();
    const char *text = code ? ERR_reason_error_string(code) : NULL;
    return text ? text : "TLS failed";
}

/* --- what all connections share --------------------------------------------------------------- */

/* A key that asks for a password is none: nobody sits at the terminal. */
static int
no_password(char *into, int size, int is_writing, void *context)
{
    (void)into, (void)size, (void)is_writing, (void)context;
    return 0;
}

static bool
trust(SSL_CTX *c, const struct tls_settings *s, struct error *err)
{
    lib.SSL_CTX_set_verify(c, s->insecure ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
    if (s->ca == NULL)
        return lib.SSL_CTX_set_default_verify_paths(c) == 1 || error_set(err, "%s", reason());
    return lib.SSL_CTX_load_verify_locations(c, s->ca, NULL) == 1 ||
           error_set(err, "ca %.200s: %s", s->ca, reason());
}

static bool
show_ours(SSL_CTX *c, const struct tls_settings *s, struct error *err)
{
    if (s->cert == NULL)
        return true;
    if (lib.SSL_CTX_use_certificate_chain_file(c, s->cert) != 1)
        return error_set(err, "cert %.200s: %s", s->cert, reason());
    if (lib.SSL_CTX_use_PrivateKey_file(c, s->key, SSL_FILETYPE_PEM) != 1)
        return error_set(err, "key %.200s: %s", s->key, reason());
    return lib.SSL_CTX_check_private_key(c) == 1 ||
           error_set(err, "key %.200s: it is not the one of the certificate", s->key);
}

static SSL_CTX *
make_context(const struct tls_settings *s, struct error *err)
{
    ERR_clear_error();
    SSL_CTX *c = lib.SSL_CTX_new(lib.TLS_client_method());
    if (c == NULL) {
        error_set(err, "%s", reason());
        return NULL;
    }
    lib.SSL_CTX_ctrl(c, SSL_CTRL_SET_MIN_PROTO_VERSION, TLS1_2_VERSION, NULL);
    lib.SSL_CTX_ctrl(c, SSL_CTRL_MODE,
                     SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER, NULL);
    lib.SSL_CTX_set_options(c, SSL_OP_IGNORE_UNEXPECTED_EOF); /* answers have their own end */
    lib.SSL_CTX_set_default_passwd_cb(c, no_password);
    if (trust(c, s, err) && show_ours(c, s, err))
        return c;
    lib.SSL_CTX_free(c);
    return NULL;
}

struct tls *
tls_new(const struct tls_settings *s, struct error *err)
{
    SSL_CTX *c = library_open(&libssl, err) ? make_context(s, err) : NULL;
    if (c == NULL)
        return NULL;
    struct tls *t = xalloc(sizeof *t);
    t->context = c;
    t->name = s->name ? xstrndup(s->name, strlen(s->name)) : NULL;
    t->insecure = s->insecure;
    return t;
}

void
tls_free(struct tls **t)
{
    if (*t == NULL)
        return;
    lib.SSL_CTX_free((*t)->context);
    free((*t)->name);
    free(*t);
    *t = NULL;
}

/* --- one connection --------------------------------------------------------------------------- */

static bool
is_address(const char *host)
{
    unsigned char at[sizeof(struct in6_addr)];
    return inet_pton(AF_INET, host, at) == 1 || inet_pton(AF_INET6, host, at) == 1;
}

/* Addresses are not told: servers choose their certificate by names. */
static bool
expect(SSL *ssl, const char *host)
{
    if (is_address(host))
        return X509_VERIFY_PARAM_set1_ip_asc(lib.SSL_get0_param(ssl), host) == 1;
    return lib.SSL_set1_host(ssl, host) == 1 &&
           lib.SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                        (void *)(uintptr_t)host) == 1;
}

struct tls_session *
tls_begin(struct tls *t, int fd, const char *host)
{
    SSL *ssl = lib.SSL_new(t->context);
    if (ssl == NULL)
        return NULL;
    if (lib.SSL_set_fd(ssl, fd) != 1 || !expect(ssl, t->name ? t->name : host)) {
        lib.SSL_free(ssl);
        return NULL;
    }
    struct tls_session *s = xalloc(sizeof *s);
    s->ssl = ssl;
    return s;
}

void
tls_end(struct tls_session **s)
{
    if (*s == NULL)
        return;
    lib.SSL_free((*s)->ssl);
    free(*s);
    *s = NULL;
}

/* What is wrong with its certificate, in the words of the one that knows. */
static enum tls_outcome
fault(struct tls_session *s, struct error *err)
{
    unsigned long code = ERR_peek_last_error();
    if (ERR_GET_LIB(code) == ERR_LIB_SSL && ERR_GET_REASON(code) == SSL_R_CERTIFICATE_VERIFY_FAILED)
        error_set(err, "its certificate is not to be trusted: %s",
                  X509_verify_cert_error_string(lib.SSL_get_verify_result(s->ssl)));
    else
        error_set(err, "TLS: %s", reason());
    return TLS_FAILED;
}

static enum tls_outcome
outcome_of(struct tls_session *s, int returned, struct error *err)
{
    switch (lib.SSL_get_error(s->ssl, returned)) {
    case SSL_ERROR_NONE:
        return TLS_DONE;
    case SSL_ERROR_WANT_READ:
        return TLS_WANTS_READ;
    case SSL_ERROR_WANT_WRITE:
        return TLS_WANTS_WRITE;
    case SSL_ERROR_ZERO_RETURN:
        return TLS_ENDED;
    case SSL_ERROR_SYSCALL:
        return ERR_peek_last_error() == 0 ? TLS_ENDED : fault(s, err);
    default:
        return fault(s, err);
    }
}

enum tls_outcome
tls_shake(struct tls_session *s, struct error *err)
{
    ERR_clear_error();
    return outcome_of(s, lib.SSL_connect(s->ssl), err);
}

enum tls_outcome
tls_read(struct tls_session *s, char *into, size_t size, size_t *ret_len, struct error *err)
{
    ERR_clear_error();
    return outcome_of(s, lib.SSL_read_ex(s->ssl, into, size, ret_len), err);
}

enum tls_outcome
tls_write(struct tls_session *s, const char *from, size_t size, size_t *ret_len, struct error *err)
{
    ERR_clear_error();
    return outcome_of(s, lib.SSL_write_ex(s->ssl, from, size, ret_len), err);
}
