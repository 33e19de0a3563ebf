#ifndef BASE_ADDRESS_H
#define BASE_ADDRESS_H

/* Where to listen, or whom to ask: ":8080", "127.0.0.1:9000", "[::1]:9000",
 * "unix//PATH|MODE|GROUP", "fd/N". */

#include "base/error.h"
#include "base/slice.h"

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/types.h>

enum address_kind {
    ADDRESS_TCP,
    ADDRESS_UNIX,
    ADDRESS_DESCRIPTOR,
};

struct address {
    enum address_kind kind;
    struct sockaddr_storage at; /* TCP without a host: :: */
    socklen_t len;
    bool has_host;      /* TCP */
    mode_t mode;        /* Unix; 0660 if it is not said */
    struct slice group; /* Unix; borrows from the text; empty: as it is */
    int fd;             /* an inherited descriptor */
};

/* False: err says what is wrong with `text`, and begins with it. */
MUST_CHECK bool address_read(const char *text, struct address *ret, struct error *);
/* A connected, blocking socket to who listens there (loopback where there is no host); -1: errno
 * says why (EDESTADDRREQ: of a descriptor nobody can be asked). Caller owns. */
int address_connect(const struct address *, unsigned timeout_ms);

#endif
