#ifndef LOOP_CONNECTION_H
#define LOOP_CONNECTION_H

/* A socket on a worker's loop: readable, writable, a clock. Knows no protocol; embedded in a
 * gateway's connection. */

#include "base/slice.h"
#include "loop/peer.h"
#include "loop/timer.h"
#include "loop/worker.h"

#include <stdbool.h>
#include <sys/types.h>
#include <sys/uio.h>

struct connection;

struct connection_owner {
    void (*on_readable)(struct connection *);
    void (*on_writable)(struct connection *);
    void (*on_timer)(struct connection *); /* `timer` ran out */
    void (*on_free)(struct connection *);  /* fd is closed; end of the turn: free what embeds it */
};

/* A struct ev_io is kept as bytes so that this header needs no <ev.h>; checked in the .c. */
struct connection {
    _Alignas(8) char io[48];
    struct worker *worker;
    const struct connection_owner *owner;
    struct closing closing;
    struct timer timer;
    uint64_t id;
    int fd;
    bool reading, writing, closed;
    struct peer peer;
};

/* Takes fd (non-blocking). Begins reading. */
void connection_init(struct connection *, struct worker *, const struct connection_owner *, int fd,
                     const struct peer *);
void connection_watch_read(struct connection *, bool);
void connection_watch_write(struct connection *, bool);
void connection_set_timer(struct connection *, uint64_t after_ms); /* 0: none */

/* > 0 bytes; 0: the peer's end; -1: nothing now; -2: an error (the peer is gone). */
enum {
    IO_END = 0,
    IO_AGAIN = -1,
    IO_FAILED = -2
};
ssize_t connection_read(struct connection *, char *into, size_t cap);
ssize_t connection_write(struct connection *, struct slice);
ssize_t connection_writev(struct connection *, const struct iovec *, int count);
void connection_shutdown_write(struct connection *);

/* Stops all watching and closes the descriptor; on_free follows at the end of the turn. Twice is
 * harmless. */
void connection_close(struct connection *);

#endif
