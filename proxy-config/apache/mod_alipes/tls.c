/* tls - a connection that mod_ssl made goes on without it.
 *
 * mod_ssl's callbacks must not run here, for they would look for a connection that is gone: its
 * data is taken off the object, and a session is never taken out of its cache by us. A client may
 * update its keys; it may not renegotiate (OpenSSL answers with no_renegotiation).
 *
 * Below is a BIO of our own: that of OpenSSL for sockets uses write(), which goes by the file
 * system's door and takes a tenth more of a delivery than send(). */

#include "mod_alipes/tls.h"

#include <errno.h>
#include <openssl/err.h>
#include <sys/socket.h>

static BIO_METHOD *method;

static int
descriptor(BIO *b)
{
    return (int)(intptr_t)BIO_get_data(b);
}

static bool
is_for_later(void)
{
    return errno == EAGAIN || errno == EINTR;
}

static int
bio_write(BIO *b, const char *bytes, int len)
{
    ssize_t sent = send(descriptor(b), bytes, (size_t)len, MSG_DONTWAIT | MSG_NOSIGNAL);
    BIO_clear_retry_flags(b);
    if (sent < 0 && is_for_later())
        BIO_set_retry_write(b);
    return (int)sent;
}

static int
bio_read(BIO *b, char *into, int room)
{
    ssize_t got = recv(descriptor(b), into, (size_t)room, MSG_DONTWAIT);
    BIO_clear_retry_flags(b);
    if (got < 0 && is_for_later())
        BIO_set_retry_read(b);
    return (int)got;
}

static long
bio_ctrl(BIO *b, int what, long number, void *pointer)
{
    (void)b, (void)number, (void)pointer;
    return what == BIO_CTRL_FLUSH; /* nothing is held */
}

bool
tls_begin(void)
{
    method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "alipes");
    return method && BIO_meth_set_write(method, bio_write) && BIO_meth_set_read(method, bio_read) &&
           BIO_meth_set_ctrl(method, bio_ctrl);
}

void
tls_end(void)
{
    BIO_meth_free(method);
    method = NULL;
}

static void
set_socket(SSL *ssl, int fd)
{
    BIO *b = BIO_new(method);
    if (b) {
        BIO_set_data(b, (void *)(intptr_t)fd);
        BIO_set_init(b, 1);
    }
    SSL_set_bio(ssl, b, b); /* where there is none, the first write fails, and that is the end */
}

void
tls_take(SSL *ssl, int fd)
{
    SSL_set_app_data(ssl, NULL);
    SSL_set_info_callback(ssl, NULL);
    SSL_set_msg_callback(ssl, NULL);
    SSL_set_shutdown(ssl, 0);
    SSL_set_options(ssl, SSL_OP_NO_RENEGOTIATION);
    SSL_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                          SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    set_socket(ssl, fd);
}

static bool
must_wait(SSL *ssl, int result)
{
    int error = SSL_get_error(ssl, result);
    return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE;
}

ssize_t
tls_write(SSL *ssl, struct slice bytes)
{
    size_t done = 0, now;
    while (done < bytes.len) {
        ERR_clear_error();
        int result = SSL_write_ex(ssl, bytes.ptr + done, bytes.len - done, &now);
        if (result <= 0)
            return must_wait(ssl, result) ? (ssize_t)done : -1;
        done += now;
    }
    return (ssize_t)done;
}

ssize_t
tls_read(SSL *ssl, char *into, size_t room)
{
    size_t got;
    ERR_clear_error();
    int result = SSL_read_ex(ssl, into, room, &got);
    if (result > 0)
        return (ssize_t)got;
    if (!must_wait(ssl, result))
        return 0;
    errno = EAGAIN;
    return -1;
}

void
tls_close(SSL *ssl, bool clean)
{
    ERR_clear_error();
    if (clean || SSL_get_shutdown(ssl) & SSL_RECEIVED_SHUTDOWN)
        (void)SSL_shutdown(ssl);
    SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(ssl);
}
