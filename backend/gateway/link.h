#ifndef GATEWAY_LINK_H
#define GATEWAY_LINK_H

/* What the wires have in common about a connection: input read into the worker's buffer, output in
 * order (the update partly written, then bytes), clocks, lingering, the registry of a worker. A
 * wire embeds a struct link first and gives a struct link_kind. */

#include "base/buf.h"
#include "loop/connection.h"
#include "request/exchange.h"

#include <stdatomic.h>

enum link_event {
    LINK_BAD_REQUEST,
    LINK_HEAD_TOO_LARGE,
    LINK_HEAD_TIMEOUT,
    LINK_BODY_TIMEOUT,
    LINK_IDLE_TIMEOUT,
    LINK_REPLY_TIMEOUT,
    LINK_MAX_REQUESTS,
    LINK_MAX_HELD,
};

/* Borrowed; outlives every connection. */
struct link_settings {
    /* Called when a head is complete; gives its handler (never NULL). */
    const struct exchange_handler *(*route)(struct exchange *);
    size_t max_head;
    atomic_size_t *pending; /* bytes of bodies, counted with other things of the process */
    size_t max_pending_bytes;
    atomic_size_t *held; /* bytes that connections hold, the process's */
    size_t max_held_bytes;
    uint64_t head_timeout_ms, body_timeout_ms, keepalive_timeout_ms, reply_timeout_ms;
    uint64_t idle_timeout_ms, linger_timeout_ms;
    size_t max_requests; /* of one connection at a time, on a wire that can */
    size_t max_connections;
    void (*count)(struct worker *, enum link_event);
    void (*freed)(struct worker *); /* a connection is no more */
    bool (*stopping)(struct worker *);
};

/* The connections of one worker. */
struct link_registry {
    struct list links;
    struct list holding; /* those of them that hold something, the longest first */
};

enum {
    LINK_AHEAD_BYTES = 65536, /* input kept while it cannot be worked off */
    LINK_PARTS = 64,          /* pieces of one write */
    LINK_SCRATCH = 8,         /* bytes of framing for a piece */
    LINK_CORKED = 16384,      /* of replies that go out together, but for the last of them */
};

struct link;

struct link_kind {
    const char *name;
    size_t size;                                /* of what embeds the link */
    void (*begin)(struct link *);               /* the first byte showed this wire; none is read */
    void (*input)(struct link *, struct slice); /* bytes came */
    void (*ended)(struct link *);               /* the peer sends no more */
    void (*flushed)(struct link *);             /* what waited is written */
    void (*timeout)(struct link *);
    void (*resume)(struct link *);  /* the end of a turn in which link_ask_resume() was called */
    void (*drain)(struct link *);   /* the hub stops: close if nothing is under way, and wait for
                                     * no body */
    void (*release)(struct link *); /* closed; free what is held beside the link */
    size_t (*held)(const struct link *); /* bytes, of requests; bodies have a budget of their own */

    /* The bytes of `u` on this wire, from `offset` on, as at most `room` parts (> 1); `mark` is
     * what the sender gave to link_send(). Part i may be made in scratch[i]. Returns the parts
     * filled; at most one place is left free where they do not suffice. */
    unsigned (*frame)(const struct link *, const struct update *u, uint16_t mark, size_t offset,
                      struct iovec *parts, unsigned room, char (*scratch)[LINK_SCRATCH]);
    bool is_whole; /* an update is one part, always */
    size_t (*framed_size)(const struct link *, const struct update *u);
};

struct link {
    struct connection connection;
    const struct link_kind *kind;
    const struct link_settings *settings;
    struct link_registry *registry;
    struct list node;    /* in registry->links */
    struct list holding; /* in registry->holding, or in none */
    struct closing later, uncork;
    struct buf in, out;     /* `in` is the wire's to use; `out` is as large as what is begun */
    struct update *partial; /* owns a reference; begun but not finished */
    size_t partial_offset, lingered;
    size_t held; /* bytes counted in settings->held, the update apart */
    uint16_t partial_mark;
    bool pinned; /* `partial` is counted */
    bool dead;   /* closes at the end of the turn */
    bool lingering, peer_ended;
};

void link_registry_init(struct link_registry *);
/* Takes fd. Allocates `size` bytes, zeroed behind the link. The worker's thread. */
struct link *link_new(struct worker *, int fd, const struct listener_peer *, size_t size,
                      const struct link_kind *, const struct link_settings *,
                      struct link_registry *);
void link_drain_all(struct link_registry *);
void link_close_all(struct link_registry *);

void link_close(struct link *); /* at once; freed at the end of the turn */
void link_die(struct link *);   /* at the end of the turn: fine where a handler is on the stack */
void link_ask_resume(struct link *); /* kind->resume at the end of the turn */
/* Closed for writing; what still comes is thrown away, bounded in bytes and time; then closed. */
void link_linger(struct link *);
void link_count(struct link *, enum link_event);
void link_set_timer(struct link *, uint64_t after_ms);
/* TCP: little unsent in the kernel, and an end to a peer that is silent on the network, also where
 * nothing is sent to it. */
void link_tune_for_streaming(struct link *);
bool link_is_stopping(const struct link *);

bool link_is_flushed(const struct link *);
/* Need nobody wait for what is pushed: is it written, or held back by link_push_ahead()? */
bool link_is_pushed(const struct link *);
/* Writes, or keeps behind what waits already (then reply_timeout runs). */
void link_push(struct link *, struct slice);
/* The same where more is about to follow: what is pushed in one turn goes out in one piece, with
 * the next link_push(), or when the turn is over. */
void link_push_ahead(struct link *, struct slice);
/* As exchange_send(). */
size_t link_send(struct link *, struct update *const *, size_t count, uint16_t mark);
/* Keeps input for later; past its bound no more is read until link_unkept(). */
void link_keep(struct link *, struct slice);
void link_unkept(struct link *);

#endif
