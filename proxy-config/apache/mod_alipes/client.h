#ifndef MOD_ALIPES_CLIENT_H
#define MOD_ALIPES_CLIENT_H

/* The client's connection once it is ours: a socket, and OpenSSL's object where it speaks TLS.
 * Nothing here blocks. */

#include "base/slice.h"

#include <openssl/ssl.h>
#include <sys/types.h>

enum {
    CLIENT_MAY_SAY = 16384, /* bytes behind its request that are thrown away; past them it ends */
};

struct client {
    int fd;        /* owns; -1: none (yet) */
    SSL *ssl;      /* owns a reference; NULL: plain */
    unsigned said; /* bytes, up to now */
};

enum heard {
    HEARD_NOTHING, /* that ends it */
    HEARD_LEFT,    /* it closed, or is gone */
    HEARD_TOO_MUCH,
};

/* Takes `fd`, and `ssl` if there is one, which must have left Apache for good. */
void client_init(struct client *, int fd, SSL *ssl);
/* How much was taken of it; less than all: the socket is full. -1: the client is gone. After less
 * than all the next call begins with the rest of the same bytes. */
MUST_CHECK ssize_t client_write(struct client *, struct slice);
MUST_CHECK enum heard client_hear(struct client *);
/* `clean`: it hears that this is the end (close_notify). */
void client_close(struct client *, bool clean);

#endif
