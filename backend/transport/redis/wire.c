/* wire - one connection: its name, its socket, its TLS, its bytes both ways.
 *
 *     RESOLVING -> CONNECTING -> SHAKING -> OPEN -> FAILED
 *
 * What one gets wrong: a Redis that has had enough says why and closes, and a write that fails
 * comes before that is read. So only reading ends an open wire; what cannot be written is dropped.
 */

#include "transport/redis/wire.h"

#include "base/alloc.h"
#include "transport/redis/resolve.h"
#include "transport/redis/tls.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    CHUNK_BYTES = 65536
};

struct wire {
    struct wire_settings settings;
    char *path, *host, *port; /* owns; the settings' */
    char peer[400];
    enum wire_state state;
    enum wire_end end;
    struct error error;

    struct resolve *resolve;    /* RESOLVING */
    struct addrinfo *addresses; /* owns; of the name; NULL: `reached` is the only one */
    unsigned count, tried;      /* of the addresses */
    struct sockaddr_storage at; /* of the address being tried, or reached */
    struct addrinfo reached;    /* the same */

    int fd;
    struct tls_session *session;
    bool wants_write; /* TLS's own, whatever is to be sent */

    struct resp_reader *reader;
    struct buf out;
    size_t sent; /* of `out` */
};

static void
fail(struct wire *w, enum wire_end end, const char *why)
{
    w->state = WIRE_FAILED;
    w->end = end;
    error_set(&w->error, "%.300s: %.200s", w->peer, why);
}

/* --- reaching it ------------------------------------------------------------------------------ */

static void
tune(int fd, int family)
{
    int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    if (family != AF_UNIX)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

static void
drop_socket(struct wire *w)
{
    tls_end(&w->session);
    if (w->fd >= 0)
        close(w->fd);
    w->fd = -1;
}

/* 0: it is being connected, or is; else errno. */
static int
begin_address(struct wire *w, const struct addrinfo *a)
{
    drop_socket(w);
    w->fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (w->fd < 0)
        return errno;
    tune(w->fd, a->ai_family);
    return connect(w->fd, a->ai_addr, a->ai_addrlen) == 0 || errno == EINPROGRESS ? 0 : errno;
}

static void
aim_at(struct wire *w, const struct addrinfo *a)
{
    memcpy(&w->at, a->ai_addr, a->ai_addrlen);
    w->reached = (struct addrinfo){.ai_family = a->ai_family, .ai_addrlen = a->ai_addrlen};
    w->reached.ai_addr = (struct sockaddr *)&w->at;
}

/* The next in turn; `why`: what became of the one before. */
static void
try_next(struct wire *w, int why)
{
    w->state = WIRE_CONNECTING;
    while (w->tried < w->count) {
        const struct addrinfo *a = w->addresses;
        for (unsigned skip = (w->settings.turn + w->tried++) % w->count; skip; skip--)
            a = a->ai_next;
        if (a)
            aim_at(w, a);
        why = begin_address(w, &w->reached);
        if (why == 0)
            return;
    }
    fail(w, WIRE_REFUSED, strerror(why));
}

static void
on_resolved(struct wire *w)
{
    const char *why = NULL;
    eventfd_t unused;
    if (eventfd_read(resolve_fd(w->resolve), &unused) != 0)
        return;
    w->addresses = resolve_take(w->resolve, &why);
    resolve_end(&w->resolve);
    for (const struct addrinfo *a = w->addresses; a; a = a->ai_next)
        w->count++;
    if (w->count)
        try_next(w, 0);
    else
        fail(w, WIRE_UNRESOLVED, why);
}

static void
on_connected(struct wire *w)
{
    w->state = WIRE_OPEN;
    if (w->settings.tls == NULL)
        return;
    w->session = tls_begin(w->settings.tls, w->fd, w->settings.host);
    w->state = WIRE_SHAKING;
    if (w->session == NULL)
        fail(w, WIRE_UNTRUSTED, "TLS cannot begin");
}

static void
on_connecting(struct wire *w)
{
    int why = 0;
    socklen_t len = sizeof why;
    struct pollfd p = {.fd = w->fd, .events = POLLOUT};
    if (poll(&p, 1, 0) < 1)
        return;
    if (getsockopt(w->fd, SOL_SOCKET, SO_ERROR, &why, &len) != 0)
        why = errno;
    if (why)
        try_next(w, why);
    else
        on_connected(w);
}

static void
on_shaking(struct wire *w)
{
    struct error err;
    enum tls_outcome outcome = tls_shake(w->session, &err);
    w->wants_write = outcome == TLS_WANTS_WRITE;
    if (outcome == TLS_DONE)
        w->state = WIRE_OPEN;
    else if (outcome == TLS_ENDED)
        fail(w, WIRE_CLOSED, "it closed the connection during the handshake of TLS");
    else if (outcome == TLS_FAILED)
        fail(w, WIRE_UNTRUSTED, err.text);
}

/* --- its bytes -------------------------------------------------------------------------------- */

/* So many bytes were written; 0: none for now; -1: none ever. */
static ssize_t
write_some(struct wire *w, const char *from, size_t size)
{
    size_t len;
    if (w->session) {
        enum tls_outcome outcome = tls_write(w->session, from, size, &len, NULL);
        w->wants_write |= outcome == TLS_WANTS_WRITE;
        return outcome == TLS_DONE ? (ssize_t)len : outcome >= TLS_ENDED ? -1 : 0;
    }
    ssize_t n = send(w->fd, from, size, MSG_NOSIGNAL);
    return n >= 0 ? n : errno == EAGAIN || errno == EINTR ? 0 : -1;
}

static void
flush(struct wire *w)
{
    ssize_t n = 1;
    if (w->out.failed) {
        fail(w, WIRE_MISBEHAVED, "it takes less than is to be sent");
        return;
    }
    while (n > 0 && w->sent < w->out.len) {
        n = write_some(w, w->out.ptr + w->sent, w->out.len - w->sent);
        w->sent += n > 0 ? (size_t)n : 0;
    }
    if (n < 0 || w->sent == w->out.len) {
        buf_clear(&w->out);
        w->sent = 0;
    }
}

static ssize_t
read_tls(struct wire *w, char *into, size_t size)
{
    size_t len;
    struct error err;
    enum tls_outcome outcome = tls_read(w->session, into, size, &len, &err);
    w->wants_write |= outcome == TLS_WANTS_WRITE;
    if (outcome == TLS_FAILED)
        fail(w, WIRE_UNTRUSTED, err.text);
    return outcome == TLS_DONE ? (ssize_t)len : outcome >= TLS_ENDED ? 0 : -1;
}

/* 0: nothing more, ever; -1: none for now. */
static ssize_t
read_some(struct wire *w, char *into, size_t size, const char **ret_why)
{
    *ret_why = "it closed the connection";
    if (w->session)
        return read_tls(w, into, size);
    ssize_t n = recv(w->fd, into, size, 0);
    if (n >= 0 || errno == EAGAIN || errno == EINTR)
        return n;
    *ret_why = strerror(errno);
    return 0;
}

/* False: there is nothing to be read now. */
static bool
fill(struct wire *w)
{
    char bytes[CHUNK_BYTES];
    const char *why;
    ssize_t n = read_some(w, bytes, sizeof bytes, &why);
    if (n > 0)
        resp_reader_feed(w->reader, SLICE_OF(bytes, (size_t)n));
    else if (n == 0 && w->state != WIRE_FAILED)
        fail(w, WIRE_CLOSED, why);
    return n > 0;
}

const struct resp *
wire_answer(struct wire *w)
{
    const struct resp *answer;
    while (w->state == WIRE_OPEN) {
        enum parse p = resp_reader_next(w->reader, &answer);
        if (p == PARSE_OK)
            return answer;
        if (p == PARSE_BAD)
            fail(w, WIRE_MISBEHAVED, resp_reader_error(w->reader));
        else if (!fill(w))
            break;
    }
    return NULL;
}

/* --- its life --------------------------------------------------------------------------------- */

static char *
copy_of(const char *text)
{
    return text ? xstrndup(text, strlen(text)) : NULL;
}

static struct wire *
new_wire(const struct wire_settings *s)
{
    struct wire *w = xalloc(sizeof *w);
    w->settings = *s;
    w->settings.path = w->path = copy_of(s->path);
    w->settings.host = w->host = copy_of(s->host);
    w->settings.port = w->port = copy_of(s->port);
    w->fd = -1;
    buf_init(&w->out, s->max_out);
    w->reader = resp_reader_new(&s->bounds);
    if (s->path)
        snprintf(w->peer, sizeof w->peer, "%s", s->path);
    else
        snprintf(w->peer, sizeof w->peer, strchr(s->host, ':') ? "[%s]:%s" : "%s:%s", s->host,
                 s->port);
    return w;
}

static void
aim_at_path(struct wire *w)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    size_t len = strlen(w->settings.path);
    struct addrinfo a = {.ai_family = AF_UNIX, .ai_addrlen = sizeof at};
    if (len >= sizeof at.sun_path) {
        fail(w, WIRE_REFUSED, strerror(ENAMETOOLONG));
        return;
    }
    memcpy(at.sun_path, w->settings.path, len);
    a.ai_addr = (struct sockaddr *)&at;
    aim_at(w, &a);
    w->count = 1;
    try_next(w, 0);
}

struct wire *
wire_open(const struct wire_settings *s)
{
    struct wire *w = new_wire(s);
    if (s->path) {
        aim_at_path(w);
        return w;
    }
    w->state = WIRE_RESOLVING;
    w->resolve = resolve_begin(w->settings.host, w->settings.port);
    if (w->resolve == NULL)
        fail(w, WIRE_UNRESOLVED, "no thread can be started to look its name up");
    return w;
}

struct wire *
wire_open_beside(const struct wire *first)
{
    struct wire *w = new_wire(&first->settings);
    aim_at(w, &first->reached);
    w->count = 1;
    try_next(w, 0);
    return w;
}

void
wire_close(struct wire **at)
{
    struct wire *w = *at;
    if (w == NULL)
        return;
    resolve_end(&w->resolve);
    drop_socket(w);
    if (w->addresses)
        freeaddrinfo(w->addresses);
    resp_reader_free(&w->reader);
    buf_fini(&w->out);
    free(w->path);
    free(w->host);
    free(w->port);
    free(w);
    *at = NULL;
}

/* --- its turn --------------------------------------------------------------------------------- */

static short
wanted(const struct wire *w)
{
    if (w->state == WIRE_CONNECTING)
        return POLLOUT;
    bool writes = w->wants_write || (w->state == WIRE_OPEN && w->sent < w->out.len);
    return writes ? POLLIN | POLLOUT : POLLIN;
}

struct pollfd
wire_poll(const struct wire *w)
{
    int fd = w->state == WIRE_RESOLVING ? resolve_fd(w->resolve) : w->fd;
    return (struct pollfd){.fd = w->state == WIRE_FAILED ? -1 : fd, .events = wanted(w)};
}

enum wire_state
wire_work(struct wire *w)
{
    w->wants_write = false;
    if (w->state == WIRE_RESOLVING)
        on_resolved(w);
    if (w->state == WIRE_CONNECTING)
        on_connecting(w);
    if (w->state == WIRE_SHAKING)
        on_shaking(w);
    if (w->state == WIRE_OPEN)
        flush(w);
    return w->state;
}

struct buf *
wire_out(struct wire *w)
{
    return &w->out;
}

enum wire_state
wire_state(const struct wire *w)
{
    return w->state;
}

enum wire_end
wire_end(const struct wire *w)
{
    return w->end;
}

const char *
wire_error(const struct wire *w)
{
    return w->error.text;
}

const char *
wire_peer(const struct wire *w)
{
    return w->peer;
}
