#ifndef GATEWAY_LINK_H
#define GATEWAY_LINK_H

/* What the wires have in common about a connection: input read into the worker's buffer, output in
 * order (the update partly written, then bytes), clocks, lingering. A
 * wire embeds a struct link first and gives a struct link_kind. */

#include "base/buf.h"
#include "gateway/gateway_worker.h"
#include "gateway/run.h"
#include "loop/connection.h"
#include "loop/listener.h"
#include "metrics/metrics.h"
#include "request/exchange.h"

/* Where a connection came in: who answers there, and whether it counts as one of the hub's.
 * Outlives every connection. */
struct link_door {
    struct listener_door listener;
    /* Called when a head is complete; gives its handler (never NULL). */
    const struct exchange_handler *(*route)(struct exchange *);
    bool is_counted;
};

enum {
    LINK_AHEAD_BYTES = 65536, /* input kept while it cannot be worked off */
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

    const struct framing *framing; /* NULL: none streams by this wire */
};

struct link {
    struct connection connection;
    const struct link_kind *kind;
    struct gateway_worker *gw;
    struct link_door *door;
    struct list node;    /* in gw->links */
    struct list holding; /* in gw->holding, or in none */
    struct closing later, uncork;
    struct buf in, out;     /* `in` is the wire's to use; `out` is as large as what is begun */
    struct update *partial; /* owns a reference; begun but not finished */
    size_t partial_offset;
    size_t held;       /* bytes counted in gw->shared->held, the update apart */
    uint32_t lingered; /* bytes thrown away */
    uint16_t partial_mark;
    bool pinned; /* `partial` is counted */
    bool dead;   /* closes at the end of the turn */
    bool lingering, peer_ended;
};

/* Takes fd. Allocates `size` bytes, zeroed behind the link. The worker's thread. */
struct link *link_new(struct gateway_worker *, struct link_door *, struct worker *, int fd,
                      const struct peer *, size_t size, const struct link_kind *);

void link_close(struct link *); /* at once; freed at the end of the turn */
void link_die(struct link *);   /* at the end of the turn: fine where a handler is on the stack */
void link_ask_resume(struct link *); /* kind->resume at the end of the turn */
/* Closed for writing; what still comes is thrown away, bounded in bytes and time; then closed. */
void link_linger(struct link *);
void link_met(struct link *, enum metric bound);
void link_set_timer(struct link *, uint64_t after_ms);
/* TCP: little unsent in the kernel, and an end to a peer that is silent on the network, also where
 * nothing is sent to it. */
void link_tune_for_streaming(struct link *);
bool link_is_stopping(const struct link *);
/* Are the connections all but gone? Then none is kept for long for a next request. */
bool link_is_crowded(const struct link *);

/* Has the peer sent what is not read? A close would take along what it has not read itself. */
bool link_has_unread(const struct link *);
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
