#ifndef TRANSPORT_REDIS_WIRE_H
#define TRANSPORT_REDIS_WIRE_H

/* One connection to a Redis (or to a Sentinel), for one thread that polls. Nothing here waits, and
 * time is the caller's: who is tired of a wire closes it.
 *
 *     wire_open()                    at once; whatever is wrong is told by wire_work()
 *     poll(wire_poll(…))             as its state wants it
 *     wire_work()                    after each poll, and after adding to wire_out()
 *     while ((r = wire_answer()))    once it is WIRE_OPEN, until there is none
 */

#include "transport/redis/resp.h"

#include <poll.h>

struct tls;

enum wire_state {
    WIRE_RESOLVING,
    WIRE_CONNECTING,
    WIRE_SHAKING, /* TLS */
    WIRE_OPEN,
    WIRE_FAILED, /* for good: wire_end(), wire_error() */
};

enum wire_end {
    WIRE_UNRESOLVED, /* its name is not known */
    WIRE_REFUSED,    /* nobody is there */
    WIRE_CLOSED,     /* it was there, and has closed or reset the connection */
    WIRE_UNTRUSTED,  /* TLS: its certificate is not the expected one, ours was refused, or no TLS */
    WIRE_MISBEHAVED, /* it does not talk as Redis does, or past the bounds */
};

struct wire_settings {
    const char *path; /* of a Unix socket; NULL: host and port */
    const char *host, *port;
    struct tls *tls; /* NULL: none */
    struct resp_bounds bounds;
    unsigned turn;  /* of the addresses of a name: which is tried first */
    size_t max_out; /* bytes that wait to be sent; past it wire_out()->failed */
};

struct wire;

/* Copies host, port and path; borrows tls. Caller owns. */
struct wire *wire_open(const struct wire_settings *);
/* A second one to the very address that the first, which is open, has reached: a name may stand for
 * several. */
struct wire *wire_open_beside(const struct wire *);
void wire_close(struct wire **);

struct pollfd wire_poll(const struct wire *); /* fd -1: nothing is to be waited for */
enum wire_state wire_work(struct wire *);
/* What is to be sent: resp_begin(), resp_add() into it. Also before it is open. */
struct buf *wire_out(struct wire *);
/* The next answer, read from the socket as needed; good until the next call. NULL: none for now, or
 * the wire has failed. */
const struct resp *wire_answer(struct wire *);

enum wire_state wire_state(const struct wire *);
enum wire_end wire_end(const struct wire *);
const char *wire_error(const struct wire *); /* of a wire that failed; names who was asked */
const char *wire_peer(const struct wire *);  /* "redis1:6379 (10.0.0.3)", "/run/redis.sock" */

#endif
