/* client - bytes to a client that Apache does not know any more, and what it still says.
 *
 * What it sends behind its request is nobody's: thrown away up to a bound. Its end, half-closed or
 * by close_notify, is the end of the stream, as on the hub's own wire. A TLS client may update its
 * keys; it may not renegotiate (OpenSSL answers with no_renegotiation). mod_ssl's callbacks must
 * not run here, for they would look for a connection that is gone: its data is taken off the
 * object, and a session is never taken out of mod_ssl's cache by us. */

#include "mod_alipes/client.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    NOT_SENT_LOW = 16384, /* of what the kernel holds unsent, before the socket counts as full */
    SILENT_MS = 60000,    /* data unacknowledged for that long: the client is gone */
    IDLE_S = 30,
    PROBE_S = 10 /* of a connection on which nothing goes on */
};

static void
set(int fd, int level, int name, int value)
{
    (void)setsockopt(fd, level, name, &value, sizeof value);
}

static void
tune(int fd)
{
    set(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, NOT_SENT_LOW);
    set(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, SILENT_MS);
    set(fd, IPPROTO_TCP, TCP_KEEPIDLE, IDLE_S);
    set(fd, IPPROTO_TCP, TCP_KEEPINTVL, PROBE_S);
    set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
}

static void
take_tls(SSL *ssl, int fd)
{
    SSL_set_app_data(ssl, NULL);
    SSL_set_info_callback(ssl, NULL);
    SSL_set_msg_callback(ssl, NULL);
    SSL_set_shutdown(ssl, 0);
    SSL_set_options(ssl, SSL_OP_NO_RENEGOTIATION);
    SSL_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                          SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    (void)SSL_set_fd(ssl, fd);
}

void
client_init(struct client *c, int fd, SSL *ssl)
{
    *c = (struct client){.fd = fd, .ssl = ssl};
    tune(fd);
    if (ssl)
        take_tls(ssl, fd);
}

static bool
must_wait(struct client *c, int result)
{
    int error = SSL_get_error(c->ssl, result);
    return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE;
}

static ssize_t
write_tls(struct client *c, struct slice bytes)
{
    size_t done = 0, now;
    while (done < bytes.len) {
        ERR_clear_error();
        int result = SSL_write_ex(c->ssl, bytes.ptr + done, bytes.len - done, &now);
        if (result <= 0)
            return must_wait(c, result) ? (ssize_t)done : -1;
        done += now;
    }
    return (ssize_t)done;
}

ssize_t
client_write(struct client *c, struct slice bytes)
{
    if (c->ssl)
        return write_tls(c, bytes);
    ssize_t sent = send(c->fd, bytes.ptr, bytes.len, MSG_DONTWAIT | MSG_NOSIGNAL);
    return sent < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : sent;
}

/* As recv(): 0 its end, -1 and EAGAIN nothing now. */
static ssize_t
read_some(struct client *c, char *into, size_t room)
{
    size_t got;
    if (c->ssl == NULL)
        return recv(c->fd, into, room, MSG_DONTWAIT);
    ERR_clear_error();
    int result = SSL_read_ex(c->ssl, into, room, &got);
    if (result > 0)
        return (ssize_t)got;
    if (!must_wait(c, result))
        return 0;
    errno = EAGAIN;
    return -1;
}

enum heard
client_hear(struct client *c)
{
    char bytes[2048];
    while (c->said <= CLIENT_MAY_SAY) {
        ssize_t got = read_some(c, bytes, sizeof bytes);
        if (got < 0 && (errno == EAGAIN || errno == EINTR))
            return HEARD_NOTHING;
        if (got <= 0)
            return HEARD_LEFT;
        c->said += (unsigned)got;
    }
    return HEARD_TOO_MUCH;
}

void
client_close(struct client *c, bool clean)
{
    if (c->ssl) {
        ERR_clear_error();
        if (clean || SSL_get_shutdown(c->ssl) & SSL_RECEIVED_SHUTDOWN)
            (void)SSL_shutdown(c->ssl);
        SSL_set_shutdown(c->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
        SSL_free(c->ssl);
    }
    if (c->fd >= 0)
        close(c->fd);
    *c = (struct client){.fd = -1};
}
