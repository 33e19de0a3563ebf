/* listener - where connections come in.
 *
 * All workers watch all sockets and take a few connections a turn, so a burst spreads. When
 * descriptors or max_connections run out a worker looks away, for a while or until one of its own
 * connections is over, and leaves the rest in the kernel's queue: a client that waits is better off
 * than one that is refused. max_connections stays below the descriptor limit, which is the reserve
 * that accept needs.
 *
 * A Unix socket that nobody listens on is taken over; between the look and the bind another process
 * may do the same, so its folder is locked meanwhile, and a path is removed only while it still is
 * the socket that was made here. */

#include "loop/listener.h"

#include "base/address.h"
#include "base/alloc.h"
#include "base/log.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ev.h>
#include <fastcgi.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum {
    BACKLOG = 4096,
    ACCEPTS_A_TURN = 16,
    BACK_OFF_MS = 100,
    LOCK_TRIES = 100,     /* 10 ms apart */
    LISTEN_FDS_START = 3, /* sd_listen_fds(3) */
};

struct listener {
    char *address;
    char *unlink_path; /* ours to remove; NULL for TCP and inherited sockets */
    struct stat own;   /* what stood there when we had made it */
    int fd;
    bool is_unix;
};

/* One worker's look at one listener. */
struct watch {
    ev_io io;
    struct timer back_off;
    struct list node; /* in the worker's list */
    struct worker *worker;
    struct listener *listener;
    struct listener_door *door;
};

static struct list all_watches[1024]; /* by worker number, filled before the threads start */

size_t
listener_raise_descriptor_limit(void)
{
    struct rlimit r;
    if (getrlimit(RLIMIT_NOFILE, &r) != 0)
        return 1024;
    r.rlim_cur = r.rlim_max;
    setrlimit(RLIMIT_NOFILE, &r);
    getrlimit(RLIMIT_NOFILE, &r);
    return r.rlim_cur > 1048576 ? 1048576 : (size_t)r.rlim_cur;
}

static bool
begin_listening(struct listener *l, struct error *err)
{
    int flags = fcntl(l->fd, F_GETFL);
    if (flags < 0 || fcntl(l->fd, F_SETFL, flags | O_NONBLOCK) != 0 || listen(l->fd, BACKLOG) != 0)
        return error_set(err, "cannot listen on %s: %s", l->address, strerror(errno));
    fcntl(l->fd, F_SETFD, FD_CLOEXEC);
    return true;
}

/* Is there somebody behind this path who answers? */
static bool
is_alive(const struct sockaddr_un *a)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return true;
    bool alive = connect(fd, (const struct sockaddr *)a, sizeof *a) == 0 || errno == EAGAIN ||
                 errno == EACCES;
    close(fd);
    return alive;
}

/* Holds the folder of a path for whoever starts there, until the descriptor is closed. -1: it
 * cannot be had, as where somebody else keeps it; then it goes without. */
static int
lock_folder(const char *path)
{
    const char *end = strrchr(path, '/');
    char *folder = end ? xstrndup(path, (size_t)(end - path) + 1) : xstrndup(".", 1);
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    free(folder);
    for (int i = 0; fd >= 0 && i < LOCK_TRIES; i++) {
        if (flock(fd, LOCK_EX | LOCK_NB) == 0)
            return fd;
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    }
    if (fd >= 0)
        close(fd);
    return -1;
}

static bool
find_group(struct slice name, gid_t *ret)
{
    char *text = xstrndup(name.ptr, name.len);
    const struct group *g = getgrnam(text);
    free(text);
    if (g)
        *ret = g->gr_gid;
    return g != NULL;
}

static bool
take_path(struct listener *l, const struct address *at, gid_t gid, struct error *err)
{
    const struct sockaddr_un *a = (const struct sockaddr_un *)&at->at;
    struct stat st;
    if (lstat(a->sun_path, &st) == 0) {
        if (!S_ISSOCK(st.st_mode))
            return error_set(err, "listen %s: the path exists and is not a socket", l->address);
        if (is_alive(a))
            return error_set(err, "listen %s: another process listens there", l->address);
        unlink(a->sun_path);
    }
    l->is_unix = true;
    l->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (l->fd < 0)
        return error_set(err, "listen %s: %s", l->address, strerror(errno));
    mode_t before = umask(0777 & ~at->mode); /* main alone runs as yet */
    int bound = bind(l->fd, (const struct sockaddr *)a, sizeof *a);
    umask(before);
    if (bound != 0)
        return error_set(err, "listen %s: %s", l->address, strerror(errno));
    if (lstat(a->sun_path, &l->own) == 0)
        l->unlink_path = xstrndup(a->sun_path, strlen(a->sun_path));
    if (gid != (gid_t)-1 && chown(a->sun_path, (uid_t)-1, gid) != 0)
        return error_set(err, "listen %s: cannot give it to that group: %s", l->address,
                         strerror(errno));
    if (chmod(a->sun_path, at->mode) != 0)
        return error_set(err, "listen %s: cannot set its mode: %s", l->address, strerror(errno));
    return begin_listening(l, err);
}

static bool
open_unix(struct listener *l, const struct address *at, struct error *err)
{
    gid_t gid = (gid_t)-1;
    if (at->group.len && !find_group(at->group, &gid))
        return error_set(err, "listen %s: there is no group of that name", l->address);
    int lock = lock_folder(((const struct sockaddr_un *)&at->at)->sun_path);
    bool ok = take_path(l, at, gid, err);
    if (lock >= 0)
        close(lock);
    return ok;
}

static bool
open_tcp(struct listener *l, const struct address *at, struct error *err)
{
    const struct sockaddr *a = (const struct sockaddr *)&at->at;
    socklen_t len = at->len;
    struct sockaddr_in v4 = {.sin_family = AF_INET,
                             .sin_port = ((const struct sockaddr_in6 *)&at->at)->sin6_port};
    l->fd = socket(a->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (l->fd < 0 && !at->has_host) { /* a kernel without IPv6 */
        a = (const struct sockaddr *)&v4;
        len = sizeof v4;
        l->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    }
    if (l->fd < 0)
        return error_set(err, "listen %s: %s", l->address, strerror(errno));
    int on = 1, only_v6 = at->has_host;
    setsockopt(l->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (a->sa_family == AF_INET6)
        setsockopt(l->fd, IPPROTO_IPV6, IPV6_V6ONLY, &only_v6, sizeof only_v6);
    setsockopt(l->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on); /* inherited by accept */
    if (bind(l->fd, a, len) != 0)
        return error_set(err, "listen %s: %s", l->address, strerror(errno));
    return begin_listening(l, err);
}

/* What whoever handed it over bound it to, as `listen` would say it. */
static void
name_inherited(struct listener *l, const struct sockaddr_storage *a, socklen_t len)
{
    char text[sizeof(struct sockaddr_un) + 20], host[INET6_ADDRSTRLEN] = "";
    const struct sockaddr_un *path = (const struct sockaddr_un *)a;
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)a;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)a;
    size_t room = len > offsetof(struct sockaddr_un, sun_path)
                      ? len - offsetof(struct sockaddr_un, sun_path)
                      : 0;
    if (a->ss_family == AF_UNIX && room && path->sun_path[0])
        snprintf(text, sizeof text, "unix/%.*s", (int)room, path->sun_path);
    else if (a->ss_family == AF_INET && inet_ntop(AF_INET, &v4->sin_addr, host, sizeof host))
        snprintf(text, sizeof text, "%s:%u", host, ntohs(v4->sin_port));
    else if (a->ss_family == AF_INET6 && inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof host))
        snprintf(text, sizeof text, "[%s]:%u", host, ntohs(v6->sin6_port));
    else
        return; /* no name: the descriptor's number is all there is */
    free(l->address);
    l->address = xstrndup(text, strlen(text));
}

static bool
open_inherited(struct listener *l, const struct address *at, struct error *err)
{
    struct sockaddr_storage a;
    socklen_t len = sizeof a;
    if (getsockname(at->fd, (struct sockaddr *)&a, &len) != 0)
        return error_set(err, "listen %s: descriptor %d is not a socket", l->address, at->fd);
    l->fd = at->fd;
    l->is_unix = a.ss_family == AF_UNIX;
    name_inherited(l, &a, len);
    return begin_listening(l, err);
}

struct listener *
listener_open(const char *address, struct error *err)
{
    static bool (*const openers[])(struct listener *, const struct address *, struct error *) = {
        [ADDRESS_TCP] = open_tcp,
        [ADDRESS_UNIX] = open_unix,
        [ADDRESS_DESCRIPTOR] = open_inherited,
    };
    struct listener *l = xalloc(sizeof *l);
    struct address at;
    l->fd = -1;
    l->address = xstrndup(address, strlen(address));
    if (!address_read(l->address, &at, err) || !openers[at.kind](l, &at, err))
        listener_close(&l);
    return l;
}

static bool
is_listening(int fd)
{
    int listening = 0;
    socklen_t len = sizeof listening;
    return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) == 0 && listening;
}

size_t
listener_inherited(int *ret_fds, size_t max)
{
    const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
    uint64_t for_pid, given;
    size_t count = 0;
    if (max && is_listening(FCGI_LISTENSOCK_FILENO))
        ret_fds[count++] = FCGI_LISTENSOCK_FILENO;
    if (pid == NULL || fds == NULL || !slice_u64(slice_of(pid), INT32_MAX, &for_pid) ||
        !slice_u64(slice_of(fds), 64, &given) || for_pid != (uint64_t)getpid())
        return count;
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    for (int i = 0; i < (int)given && count < max; i++)
        ret_fds[count++] = LISTEN_FDS_START + i;
    return count;
}

const char *
listener_address(const struct listener *l)
{
    return l->address;
}

void
listener_close(struct listener **ref)
{
    struct listener *l = *ref;
    if (l == NULL)
        return;
    struct stat st;
    if (l->unlink_path && lstat(l->unlink_path, &st) == 0 && st.st_ino == l->own.st_ino &&
        st.st_dev == l->own.st_dev)
        unlink(l->unlink_path);
    if (l->fd >= 0)
        close(l->fd);
    free(l->unlink_path);
    free(l->address);
    free(l);
    *ref = NULL;
}

static void
back_off(struct watch *w)
{
    ev_io_stop(worker_loop(w->worker), &w->io);
    timer_arm(worker_timers(w->worker), &w->back_off, BACK_OFF_MS);
}

static void
on_back_off_over(struct timer *t)
{
    struct watch *w = CONTAINER_OF(t, struct watch, back_off);
    ev_io_start(worker_loop(w->worker), &w->io);
}

void
listener_left(struct listener_door *door, struct worker *worker)
{
    size_t before = atomic_fetch_sub_explicit(&door->connections, 1, memory_order_relaxed);
    struct list *watches = &all_watches[worker_number(worker)];
    if (before < door->max_connections || watches->next == NULL)
        return;
    LIST_EACH(node, after, watches)
    {
        struct watch *w = CONTAINER_OF(node, struct watch, node);
        timer_disarm(&w->back_off);
        on_back_off_over(&w->back_off);
    }
}

static struct peer
peer_of(const struct sockaddr_storage *a)
{
    static const unsigned char v4_in_v6[12] = {[10] = 0xff, [11] = 0xff};
    struct peer peer = {.is_unix = a->ss_family == AF_UNIX};
    if (a->ss_family == AF_INET) {
        memcpy(peer.ip, v4_in_v6, sizeof v4_in_v6);
        memcpy(peer.ip + sizeof v4_in_v6, &((const struct sockaddr_in *)a)->sin_addr, 4);
    }
    if (a->ss_family == AF_INET6)
        memcpy(peer.ip, &((const struct sockaddr_in6 *)a)->sin6_addr, sizeof peer.ip);
    return peer;
}

static void
on_connections(struct ev_loop *loop, ev_io *io, int events)
{
    (void)loop;
    (void)events;
    static struct log_limit full, trouble;
    struct watch *w = io->data;
    uint64_t more;
    for (int i = 0; i < ACCEPTS_A_TURN; i++) {
        if (atomic_load_explicit(&w->door->connections, memory_order_relaxed) >=
            w->door->max_connections) {
            if (log_allowed(&full, &more))
                log_line(LOG_WARN, "bound_met", "bound=max_connections limit=%zu suppressed=%llu",
                         w->door->max_connections, (unsigned long long)more);
            back_off(w);
            return;
        }
        struct sockaddr_storage a;
        socklen_t len = sizeof a;
        a.ss_family = AF_UNIX;
        int fd =
            accept4(w->listener->fd, (struct sockaddr *)&a, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            if (errno == EINTR || errno == ECONNABORTED)
                continue;
            if (errno != EAGAIN && errno != EWOULDBLOCK) {
                if (log_allowed(&trouble, &more))
                    log_line(LOG_ERROR, "accept_failed", "error=\"%s\" suppressed=%llu",
                             strerror(errno), (unsigned long long)more);
                back_off(w);
            }
            return;
        }
        atomic_fetch_add_explicit(&w->door->connections, 1, memory_order_relaxed);
        struct peer peer = peer_of(&a);
        w->door->accepted(w->door, w->worker, fd, &peer);
    }
}

void
listener_watch(struct listener *l, struct worker *worker, struct listener_door *door)
{
    struct watch *w = xalloc(sizeof *w);
    *w = (struct watch){.worker = worker, .listener = l, .door = door};
    timer_init(&w->back_off, on_back_off_over);
    ev_io_init(&w->io, on_connections, l->fd, EV_READ);
    w->io.data = w;
    ev_io_start(worker_loop(worker), &w->io);
    ENSURE(worker_number(worker) < COUNT_OF(all_watches));
    struct list *mine = &all_watches[worker_number(worker)];
    if (mine->next == NULL)
        list_init(mine);
    list_append(mine, &w->node);
}

void
listener_unwatch_all(struct worker *worker)
{
    struct list *watches = &all_watches[worker_number(worker)];
    if (watches->next == NULL)
        return;
    struct list *node;
    while ((node = list_shift(watches)) != NULL) {
        struct watch *w = CONTAINER_OF(node, struct watch, node);
        ev_io_stop(worker_loop(worker), &w->io);
        timer_disarm(&w->back_off);
        free(w);
    }
}
