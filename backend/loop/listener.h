#ifndef LOOP_LISTENER_H
#define LOOP_LISTENER_H

/* Listening sockets: opened by main, watched by every worker (each accepts for itself). */

#include "base/error.h"
#include "loop/connection.h"
#include "loop/worker.h"

#include <stdatomic.h>
#include <stddef.h>

struct listener;

/* Where connections go: listeners of one kind share it, on every worker. */
struct listener_door {
    size_t max_connections;
    size_t kept_connections;   /* past so many none stays that nobody uses just now */
    atomic_size_t connections; /* counted up as one is taken, down by listener_left() */
    /* Takes the descriptor. The worker's thread. */
    void (*accepted)(struct listener_door *, struct worker *, int fd, const struct peer *);
};

/* `address`: ":8080", "127.0.0.1:9000", "[::1]:9000", "unix//PATH|MODE|GROUP", "fd/N".
 * ":8080" is one socket: IPv6, and IPv4 with it, where the kernel has it. Caller owns. A stale Unix
 * socket (nobody answers a connect) is replaced; a live one is an error. */
struct listener *listener_open(const char *address, struct error *);
/* Sockets that whoever started us listens on for us: descriptor 0 (FastCGI 1.0, section 2.2), and
 * systemd's LISTEN_FDS where they are meant for this pid. Returns how many, at most `max`. */
size_t listener_inherited(int *ret_fds, size_t max);
void listener_watch(struct listener *, struct worker *,
                    struct listener_door *); /* before its start */
/* One that was taken is freed. Its worker's thread. */
void listener_left(struct listener_door *, struct worker *);
void listener_unwatch_all(struct worker *); /* that worker's thread */
void listener_close(struct listener **);    /* unlinks a Unix socket it made */
const char *listener_address(const struct listener *);

/* Raises the soft limit to the hard one; returns it. */
size_t listener_raise_descriptor_limit(void);

#endif
