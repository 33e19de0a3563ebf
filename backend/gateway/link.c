/* link - a connection as every wire has it: bytes in, bytes out, clocks, an end.
 *
 * Output order: the update partly written, then `out`. Only when both are empty is anything begun,
 * so `out` is never more than the replies to what was begun at once. An idle or streaming link
 * holds no buffer. Replies to requests that were sent ahead are gathered in `out` and written when
 * the turn is over: one send() for all of them, and none of them waits for a commit that is not its
 * own.
 *
 * What peers that do not go on make the hub hold (input that waits, output that is not read, the
 * update that a reader is in the middle of) is one budget of the process. Past it each worker cuts
 * whoever has held something the longest; an EventSource comes back from that.
 *
 * What one gets wrong: nothing of a handler may be called from inside an exchange_ function. So
 * these functions only write, and ask for resume(), which runs at the end of the turn.
 *
 * life: link_new -> callbacks of its kind -> link_close | link_linger -> kind->release, free. */

#include "gateway/link.h"

#include "base/alloc.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

enum {
    LINGER_BYTES = 64 * 1024 * 1024,
    NOTSENT_LOWAT = 16384,
    HELD_FREE = 4096,    /* what a connection may hold uncounted */
    PATIENCE_MS = 60000, /* at most so long a peer is silent on the network */
};

static struct link *
of_connection(struct connection *c)
{
    return CONTAINER_OF(c, struct link, connection);
}

void
link_ask_resume(struct link *l)
{
    if (!list_is_linked(&l->later.node))
        worker_close_later(l->connection.worker, &l->later);
}

void
link_die(struct link *l)
{
    l->dead = true;
    link_ask_resume(l);
}

void
link_met(struct link *l, enum metric bound)
{
    metrics_bound_met(bound, l->connection.id);
}

void
link_set_timer(struct link *l, uint64_t after_ms)
{
    connection_set_timer(&l->connection, after_ms);
}

bool
link_is_stopping(const struct link *l)
{
    return atomic_load_explicit(l->gw->shared->stopping, memory_order_relaxed);
}

bool
link_is_crowded(const struct link *l)
{
    const struct listener_door *door = &l->door->listener;
    return atomic_load_explicit(&door->connections, memory_order_relaxed) > door->kept_connections;
}

bool
link_has_unread(const struct link *l)
{
    int unread = 0;
    return ioctl(l->connection.fd, FIONREAD, &unread) != 0 || unread > 0;
}

void
link_tune_for_streaming(struct link *l)
{
    if (l->connection.peer.is_unix)
        return;
    uint64_t most = l->gw->config->reply_timeout_ms;
    int patience = (int)(most < PATIENCE_MS ? most : PATIENCE_MS);
    int idle = patience / 1000 * 3 / 4; /* behind a heartbeat, where there is one */
    const struct {
        int level, name, value;
    } options[] = {
        {IPPROTO_TCP, TCP_NOTSENT_LOWAT, NOTSENT_LOWAT},
        {IPPROTO_TCP, TCP_USER_TIMEOUT, patience}, /* of probes as well: instead of their count */
        {IPPROTO_TCP, TCP_KEEPIDLE, idle ? idle : 1},
        {IPPROTO_TCP, TCP_KEEPINTVL, idle > 3 ? idle / 3 : 1},
        {SOL_SOCKET, SO_KEEPALIVE, 1},
    };
    for (size_t i = 0; i < COUNT_OF(options); i++)
        setsockopt(l->connection.fd, options[i].level, options[i].name, &options[i].value,
                   sizeof options[i].value);
}

static bool
has_output(const struct link *l)
{
    return l->partial || l->out.len;
}

/* A socket may be full just where an update ends: then nothing is here, and yet the peer is to read
 * before there is more. */
bool
link_is_flushed(const struct link *l)
{
    return !has_output(l) && !l->connection.writing;
}

static bool
is_corked(const struct link *l)
{
    return list_is_linked(&l->uncork.node);
}

bool
link_is_pushed(const struct link *l)
{
    return link_is_flushed(l) || is_corked(l);
}

static void
end_partial(struct link *l)
{
    if (l->pinned && update_unpin(l->partial))
        atomic_fetch_sub(&l->gw->shared->held, l->partial->size);
    l->pinned = false;
    update_unref(&l->partial);
    if (l->held == 0)
        list_unlink(&l->holding);
}

/* Output waits for the peer: watch, and be patient for reply_timeout. */
static void
await_peer(struct link *l)
{
    connection_watch_write(&l->connection, true);
    link_set_timer(l, l->gw->config->reply_timeout_ms);
}

static ssize_t
write_parts(struct link *l, const struct iovec *parts, unsigned count)
{
    if (count == 1)
        return connection_write(&l->connection, SLICE_OF(parts->iov_base, parts->iov_len));
    return connection_writev(&l->connection, parts, (int)count);
}

static size_t
size_of_parts(const struct iovec *parts, unsigned count)
{
    size_t size = 0;
    for (unsigned i = 0; i < count; i++)
        size += parts[i].iov_len;
    return size;
}

/* Writes what waits. False: the peer is gone. */
static bool
flush(struct link *l)
{
    const struct framing *framing = l->kind->framing;
    while (l->partial) {
        struct iovec parts[RUN_PARTS];
        char scratch[RUN_PARTS][RUN_SCRATCH];
        unsigned count =
            run_parts(framing, &l->partial, 1, l->partial_mark, l->partial_offset, parts, scratch);
        ssize_t n = write_parts(l, parts, count);
        if (n < 0)
            return n == IO_AGAIN;
        l->partial_offset += (size_t)n;
        if (l->partial_offset == framing->size(l->partial, l->partial_mark))
            end_partial(l);
    }
    while (l->out.len) {
        ssize_t n = connection_write(&l->connection, buf_slice(&l->out));
        if (n < 0)
            return n == IO_AGAIN;
        buf_drop(&l->out, (size_t)n);
    }
    buf_fini(&l->out);
    return true;
}

static void
write_corked(struct link *l)
{
    if (is_corked(l))
        (void)flush(l); /* who closes has no further use for what was not */
    list_unlink(&l->uncork.node);
}

void
link_close(struct link *l)
{
    write_corked(l);
    connection_close(&l->connection);
}

void
link_linger(struct link *l)
{
    if (l->peer_ended) {
        link_close(l);
        return;
    }
    write_corked(l);
    l->lingering = true;
    buf_fini(&l->in);
    connection_shutdown_write(&l->connection);
    link_set_timer(l, l->gw->config->linger_timeout_ms);
    connection_watch_read(&l->connection, true);
}

/* It is counted no longer: what it holds is freed, or about to be. */
static void
stop_holding(struct link *l)
{
    size_t less = l->held;
    if (l->pinned && update_unpin(l->partial))
        less += l->partial->size;
    l->held = 0;
    l->pinned = false;
    list_unlink(&l->holding);
    if (less)
        atomic_fetch_sub(&l->gw->shared->held, less);
}

/* At least one connection of a worker holds what it must, whatever that is. */
static void
cut_longest(struct link *l)
{
    struct list *holding = &l->gw->holding;
    while (atomic_load(&l->gw->shared->held) > l->gw->config->max_held_bytes) {
        struct link *longest = CONTAINER_OF(holding->next, struct link, holding);
        if (longest == l)
            return;
        link_met(longest, METRIC_max_held_bytes);
        stop_holding(longest);
        link_close(longest);
    }
}

static void
hold(struct link *l, size_t more)
{
    if (!list_is_linked(&l->holding))
        list_append(&l->gw->holding, &l->holding);
    if (more && atomic_fetch_add(&l->gw->shared->held, more) + more > l->gw->config->max_held_bytes)
        cut_longest(l);
}

/* Compares what it holds, the update apart, with what is counted. */
static void
count_held(struct link *l)
{
    size_t now = l->in.cap + l->out.cap + l->kind->held(l), before = l->held;
    if (now < HELD_FREE || l->connection.closed)
        now = 0;
    l->held = now;
    if (now > before)
        hold(l, now - before);
    else if (now < before)
        atomic_fetch_sub(&l->gw->shared->held, before - now);
    if (now == 0 && !l->pinned)
        list_unlink(&l->holding);
}

static void
begin_partial(struct link *l, struct update *u, size_t offset, uint16_t mark)
{
    l->partial = update_ref(u);
    l->partial_offset = offset;
    l->partial_mark = mark;
    l->pinned = true;
    hold(l, update_pin(u) ? u->size : 0);
}

/* Writes what was gathered. */
static void
uncork(struct link *l)
{
    list_unlink(&l->uncork.node);
    if (!flush(l))
        link_die(l);
    else if (has_output(l))
        await_peer(l);
    count_held(l);
}

static void
on_turn_over(struct closing *closing)
{
    uncork(CONTAINER_OF(closing, struct link, uncork));
}

/* Behind what waits already. False: no memory for it. */
static bool
add(struct link *l, struct slice bytes)
{
    buf_add(&l->out, bytes);
    if (l->out.failed)
        link_die(l);
    return !l->out.failed;
}

void
link_push(struct link *l, struct slice bytes)
{
    if (is_corked(l)) {
        if (add(l, bytes))
            uncork(l);
        return;
    }
    bool waited = !link_is_flushed(l); /* then its time runs: what is added does not give it more */
    if (!waited) {
        ssize_t n = connection_write(&l->connection, bytes);
        if (n == IO_FAILED) {
            link_die(l);
            return;
        }
        bytes = slice_from(bytes, n > 0 ? (size_t)n : 0);
    }
    if (bytes.len && add(l, bytes) && !waited)
        await_peer(l);
    count_held(l);
}

void
link_push_ahead(struct link *l, struct slice bytes)
{
    if (!link_is_pushed(l) || l->out.len + bytes.len >= LINK_CORKED) {
        link_push(l, bytes);
        return;
    }
    if (add(l, bytes) && !is_corked(l))
        worker_end_turn_with(l->connection.worker, &l->uncork);
    count_held(l);
}

static ssize_t
write_some(struct link *l, struct update *const *updates, size_t count, uint16_t mark,
           size_t offset, size_t *ret_size)
{
    struct iovec parts[RUN_PARTS];
    char scratch[RUN_PARTS][RUN_SCRATCH];
    if (offset == 0 && (count > 1 || !l->kind->framing->is_whole)) {
        struct slice run = run_bytes(l->kind->framing, updates, count, mark);
        *ret_size = run.len;
        if (run.len)
            return connection_write(&l->connection, run);
    }
    unsigned filled = run_parts(l->kind->framing, updates, count, mark, offset, parts, scratch);
    *ret_size = size_of_parts(parts, filled);
    return write_parts(l, parts, filled);
}

size_t
link_send(struct link *l, struct update *const *updates, size_t count, uint16_t mark)
{
    size_t i = 0, offset = 0; /* the update being written, and how much of it is */
    if (!link_is_flushed(l) || l->dead)
        return 0;
    while (i < count) {
        size_t size;
        ssize_t n = write_some(l, updates + i, count - i, mark, offset, &size);
        if (n == IO_FAILED) {
            link_die(l);
            return i + (offset != 0);
        }
        size_t left = n > 0 ? (size_t)n : 0;
        bool is_short = left < size;
        while (left) {
            size_t rest = l->kind->framing->size(updates[i], mark) - offset;
            if (left < rest) {
                offset += left;
                break;
            }
            left -= rest;
            offset = 0;
            i++;
        }
        if (is_short && offset) {
            begin_partial(l, updates[i++], offset, mark);
        }
        if (is_short) {
            await_peer(l);
            return i;
        }
    }
    return i;
}

void
link_keep(struct link *l, struct slice bytes)
{
    buf_add(&l->in, bytes);
    if (l->in.len >= LINK_AHEAD_BYTES)
        connection_watch_read(&l->connection, false);
}

void
link_unkept(struct link *l)
{
    if (l->in.len == 0)
        buf_fini(&l->in);
    connection_watch_read(&l->connection, l->in.len < LINK_AHEAD_BYTES && !l->peer_ended);
}

static void
on_readable(struct connection *c)
{
    struct link *l = of_connection(c);
    char *buffer = worker_read_buffer(c->worker);
    ssize_t n = connection_read(c, buffer, WORKER_READ_SIZE);
    if (n == IO_AGAIN)
        return;
    if (n == IO_FAILED || (n == IO_END && l->lingering)) {
        link_close(l);
    } else if (l->lingering) {
        l->lingered += (uint32_t)n;
        if (l->lingered > LINGER_BYTES)
            link_close(l);
    } else if (n == IO_END) {
        l->kind->ended(l);
    } else {
        l->kind->input(l, SLICE_OF(buffer, (size_t)n));
    }
    if (l->in.failed)
        link_close(l);
    count_held(l);
}

static void
on_writable(struct connection *c)
{
    struct link *l = of_connection(c);
    if (!flush(l)) {
        link_close(l);
    } else if (has_output(l)) {
        await_peer(l);
    } else {
        connection_watch_write(c, false);
        l->kind->flushed(l);
    }
    count_held(l);
}

static void
on_timer(struct connection *c)
{
    struct link *l = of_connection(c);
    if (l->lingering) {
        link_close(l);
    } else if (!link_is_pushed(l)) {
        link_met(l, METRIC_reply_timeout);
        link_close(l);
    } else {
        l->kind->timeout(l);
    }
}

static void
on_later(struct closing *closing)
{
    struct link *l = CONTAINER_OF(closing, struct link, later);
    if (l->connection.closed || l->lingering)
        return;
    if (l->dead)
        link_close(l);
    else
        l->kind->resume(l);
    count_held(l);
}

static void
on_free(struct connection *c)
{
    struct link *l = of_connection(c);
    list_unlink(&l->later.node);
    list_unlink(&l->uncork.node);
    list_unlink(&l->node);
    stop_holding(l);
    l->kind->release(l);
    update_unref(&l->partial);
    buf_fini(&l->in);
    buf_fini(&l->out);
    if (l->door->is_counted)
        metrics_sub(METRIC_connections, 1);
    listener_left(&l->door->listener, l->connection.worker);
    free(l);
}

static const struct connection_owner owner = {
    .on_readable = on_readable,
    .on_writable = on_writable,
    .on_timer = on_timer,
    .on_free = on_free,
};

struct link *
link_new(struct gateway_worker *gw, struct link_door *door, struct worker *w, int fd,
         const struct peer *peer, size_t size, const struct link_kind *kind)
{
    struct link *l = xalloc(size);
    l->kind = kind;
    l->gw = gw;
    l->door = door;
    l->later.free = on_later;
    l->uncork.free = on_turn_over;
    list_init(&l->later.node);
    list_init(&l->uncork.node);
    list_init(&l->holding);
    list_append(&gw->links, &l->node);
    buf_init(&l->in, gw->config->max_request_head + LINK_AHEAD_BYTES + WORKER_READ_SIZE);
    buf_init(&l->out, SIZE_MAX);
    connection_init(&l->connection, w, &owner, fd, peer);
    link_set_timer(l, gw->config->idle_timeout_ms);
    if (door->is_counted) {
        metrics_count(METRIC_connections_accepted);
        metrics_add(METRIC_connections, 1);
    }
    return l;
}
