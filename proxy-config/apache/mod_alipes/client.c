/* client - bytes to a client that Apache does not know any more, and what it still says.
 *
 * What it sends behind its request is nobody's: thrown away up to a bound. Its end, half-closed or
 * by close_notify, is the end of the stream, as on the hub's own wire. */

#include "mod_alipes/client.h"

#include "mod_alipes/tls.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
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

void
client_init(struct client *c, int fd, SSL *ssl)
{
    *c = (struct client){.fd = fd, .ssl = ssl};
    tune(fd);
    if (ssl)
        tls_take(ssl, fd);
}

ssize_t
client_write(struct client *c, struct slice bytes)
{
    if (c->ssl)
        return tls_write(c->ssl, bytes);
    ssize_t sent = send(c->fd, bytes.ptr, bytes.len, MSG_DONTWAIT | MSG_NOSIGNAL);
    return sent < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : sent;
}

enum heard
client_hear(struct client *c)
{
    char bytes[2048];
    while (c->said <= CLIENT_MAY_SAY) {
        ssize_t got = c->ssl ? tls_read(c->ssl, bytes, sizeof bytes)
                             : recv(c->fd, bytes, sizeof bytes, MSG_DONTWAIT);
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
    if (c->ssl)
        tls_close(c->ssl, clean);
    if (c->fd >= 0)
        close(c->fd);
    *c = (struct client){.fd = -1};
}
