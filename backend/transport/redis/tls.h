#ifndef TRANSPORT_REDIS_TLS_H
#define TRANSPORT_REDIS_TLS_H

/* TLS 1.2 or later over a connected socket, by OpenSSL, which is opened when it is first needed. */

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct tls_settings {
    const char *ca;         /* a file of authorities (PEM); NULL: the system's */
    const char *cert, *key; /* ours; NULL: none */
    const char *name;       /* whom the certificate must be of; NULL: of the host that is asked */
    bool insecure;          /* any certificate will do */
};

struct tls;         /* what all connections share; read-only once made */
struct tls_session; /* of one connection */

/* Reads the files. NULL: err says what is wrong. Caller owns. */
struct tls *tls_new(const struct tls_settings *, struct error *);
void tls_free(struct tls **);

enum tls_outcome {
    TLS_DONE,
    TLS_WANTS_READ, /* again once the socket can be read */
    TLS_WANTS_WRITE,
    TLS_ENDED,  /* the peer has closed */
    TLS_FAILED, /* err says why: a certificate, or what is no TLS */
};

/* Over `fd`, which stays the caller's. Caller owns; NULL: no memory. */
struct tls_session *tls_begin(struct tls *, int fd, const char *host);
void tls_end(struct tls_session **);
MUST_CHECK enum tls_outcome tls_shake(struct tls_session *, struct error *);
/* TLS_DONE: *ret_len of them, 1 or more. */
MUST_CHECK enum tls_outcome tls_read(struct tls_session *, char *into, size_t size, size_t *ret_len,
                                     struct error *);
MUST_CHECK enum tls_outcome tls_write(struct tls_session *, const char *from, size_t size,
                                      size_t *ret_len, struct error *);

#endif
