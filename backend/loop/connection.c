/* connection - a socket on a loop: one libev watcher, whose mask follows what the owner wants.
 *
 * life: connection_init -> callbacks -> connection_close (descriptor closed at once, no callback
 * afterwards) -> on_free at the end of the turn. */

#include "loop/connection.h"

#include "base/alloc.h"
#include "metrics/metrics.h"

#include <errno.h>
#include <ev.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

_Static_assert(sizeof(ev_io) <= sizeof(((struct connection *)0)->io), "ev_io grew");

static atomic_uint_fast64_t last_id;

static ev_io *
io_of(struct connection *c)
{
    return (ev_io *)(void *)c->io;
}

static void
on_io(struct ev_loop *loop, ev_io *io, int events)
{
    (void)loop;
    struct connection *c = io->data;
    if (events & EV_WRITE)
        c->owner->on_writable(c);
    if ((events & EV_READ) && !c->closed && c->reading)
        c->owner->on_readable(c);
}

static void
on_timer(struct timer *t)
{
    struct connection *c = CONTAINER_OF(t, struct connection, timer);
    c->owner->on_timer(c);
}

static void
rewatch(struct connection *c)
{
    ev_io *io = io_of(c);
    struct ev_loop *loop = worker_loop(c->worker);
    int events = (c->reading ? EV_READ : 0) | (c->writing ? EV_WRITE : 0);
    if (c->closed)
        return;
    ev_io_stop(loop, io);
    if (events) {
        ev_io_set(io, c->fd, events);
        ev_io_start(loop, io);
    }
}

void
connection_init(struct connection *c, struct worker *w, const struct connection_owner *owner,
                int fd, const struct peer *peer)
{
    c->worker = w;
    c->owner = owner;
    c->fd = fd;
    c->peer = *peer;
    c->id = atomic_fetch_add_explicit(&last_id, 1, memory_order_relaxed) + 1;
    c->reading = true;
    c->writing = c->closed = false;
    timer_init(&c->timer, on_timer);
    ev_io *io = io_of(c);
    ev_io_init(io, on_io, fd, EV_READ);
    io->data = c;
    ev_io_start(worker_loop(w), io);
}

void
connection_watch_read(struct connection *c, bool on)
{
    if (c->reading == on)
        return;
    c->reading = on;
    rewatch(c);
}

void
connection_watch_write(struct connection *c, bool on)
{
    if (c->writing == on)
        return;
    c->writing = on;
    rewatch(c);
}

void
connection_set_timer(struct connection *c, uint64_t after_ms)
{
    if (after_ms && !c->closed)
        timer_arm(worker_timers(c->worker), &c->timer, after_ms);
    else
        timer_disarm(&c->timer);
}

static ssize_t
outcome(ssize_t n, enum metric bytes)
{
    if (n >= 0) {
        metrics_add(bytes, (uint64_t)n);
        return n;
    }
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? IO_AGAIN : IO_FAILED;
}

ssize_t
connection_read(struct connection *c, char *into, size_t cap)
{
    return c->closed ? IO_FAILED
                     : outcome(recv(c->fd, into, cap, MSG_DONTWAIT), METRIC_received_bytes);
}

ssize_t
connection_write(struct connection *c, struct slice s)
{
    if (c->closed)
        return IO_FAILED;
    return outcome(send(c->fd, s.ptr, s.len, MSG_NOSIGNAL | MSG_DONTWAIT), METRIC_sent_bytes);
}

ssize_t
connection_writev(struct connection *c, const struct iovec *parts, int count)
{
    if (c->closed)
        return IO_FAILED;
    struct msghdr m = {.msg_iov = (struct iovec *)parts, .msg_iovlen = (size_t)count};
    return outcome(sendmsg(c->fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT), METRIC_sent_bytes);
}

void
connection_shutdown_write(struct connection *c)
{
    if (!c->closed)
        shutdown(c->fd, SHUT_WR);
}

static void
free_at_end_of_turn(struct closing *closing)
{
    struct connection *c = CONTAINER_OF(closing, struct connection, closing);
    c->owner->on_free(c);
}

void
connection_close(struct connection *c)
{
    if (c->closed)
        return;
    ev_io_stop(worker_loop(c->worker), io_of(c));
    timer_disarm(&c->timer);
    c->closed = true;
    close(c->fd);
    c->fd = -1;
    c->closing.free = free_at_end_of_turn;
    worker_close_later(c->worker, &c->closing);
}
