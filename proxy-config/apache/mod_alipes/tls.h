#ifndef MOD_ALIPES_TLS_H
#define MOD_ALIPES_TLS_H

/* OpenSSL's object of a client, once it is out of mod_ssl's hands. */

#include "base/slice.h"

#include <openssl/ssl.h>
#include <sys/types.h>

bool tls_begin(void); /* once in a process, before the first; false: no memory */
void tls_end(void);   /* behind the last */

/* From here on it reads and writes `fd`. */
void tls_take(SSL *, int fd);
/* As send(), of bytes that are the same again after less than all was taken: what the socket took.
 * -1: that is over. */
MUST_CHECK ssize_t tls_write(SSL *, struct slice);
/* As recv(): 0 its end; -1 and EAGAIN: nothing now. */
MUST_CHECK ssize_t tls_read(SSL *, char *into, size_t room);
/* `clean`: with close_notify. Drops the reference. */
void tls_close(SSL *, bool clean);

#endif
