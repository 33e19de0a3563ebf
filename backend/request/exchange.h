#ifndef REQUEST_EXCHANGE_H
#define REQUEST_EXCHANGE_H

/* One request and its reply: where gateways and hub meet. A gateway embeds a struct exchange in
 * its connection, fills `request`, and calls the handler; the handler answers through the wire's
 * functions. Neither knows the other's name. Everything here happens on one worker's thread.
 *
 * The order of calls, gateway to handler:
 *   on_head       once; the handler must call exactly one of exchange_reply(),
 *                 exchange_read_body(), exchange_stream(), exchange_wait() - now or, after
 *                 exchange_wait(), later.
 *   on_body       after exchange_read_body(): the whole body is in request.body.
 *   on_writable   a stream whose exchange_send() was short, or a long reply, can take more.
 *   on_resumed    a stream of a front that speaks multicast goes on behind that position,
 *                 wherever it was.
 *   on_gone       the peer left, or the reply is complete. Exactly once for each on_head,
 *                 always the last call; handler state is released here. Never from inside an
 *                 exchange_…() function: it comes from the loop.
 */

#include "base/arena.h"
#include "base/buf.h"
#include "base/slice.h"
#include "transport/position.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct config;
struct exchange;
struct rules;
struct update;
struct worker;

enum {
    REQUEST_MAX_HEADERS = 128,
    EXCHANGE_ARENA_BYTES = 32 * 1024 * 1024, /* what a request takes apart from its body */
};

struct header {
    struct slice name, value; /* value without surrounding blanks */
};

/* A part of a budget. `used` NULL: none. */
struct body_share {
    atomic_size_t *used;
    size_t max;
};

struct told {
    struct slice scheme, host, address;
};

struct request {
    struct slice method; /* as sent; case matters */
    struct slice path;   /* raw: never percent-decoded */
    struct slice query;  /* raw, without '?' */
    struct slice scheme; /* http, https; empty: not known */
    struct slice host;   /* Host header or the absolute target's authority; may be empty */
    struct header *headers;
    size_t header_count;
    struct slice body;
    bool has_body;             /* a body of more than 0 bytes is announced */
    uint64_t told_length;      /* of the body; 0: none, or it is not told */
    struct slice ticket;       /* a stream that was there before, by multicast; empty: none was */
    struct slice address;      /* the client's, as text; empty: not known */
    bool is_told;              /* scheme and address came with the request itself (FastCGI) */
    bool is_settled;           /* scheme, host and address are what front_settle() made of... */
    struct told told;          /* ...what the wire said */
    const unsigned char *peer; /* who connected, 16 bytes (base/cidr.h); NULL: a Unix socket */

    /* Not the wire's, but gone with it once it streams. */
    uint64_t judged;         /* auth_generation() when its token was; 0: it was not, by its rules */
    struct body_share share; /* of the budget for bodies; none, unless its handler says so */
    size_t rest;             /* of a long reply: bytes that are still to be added */
    size_t held;             /* by its handler, beside the arena: counted with what peers hold */
};

/* Values borrow; they must live until exchange_reply() or exchange_stream() returns. */
struct reply {
    unsigned status;
    struct header headers[24];
    size_t header_count;
    struct slice body; /* HEAD: its length is told, it is not sent */
    size_t rest;       /* so much of the body follows behind `body` (exchange_add()) */
    bool is_stream;    /* of an event stream, also one that ends at once: HTTP closes behind it */
    /* Of one that stays, for a front that speaks multicast: it was sent all up to here, and is in
     * step with its worker. */
    struct position at;
    bool is_live;
};

void reply_add(struct reply *, struct slice name, struct slice value);

/* A handler leaves out (NULL) what cannot come to it: without a body to read, on_body and
 * on_body_refused; without a stream, on_writable, on_resumed, is_at; without a state, on_gone. */
struct exchange_handler {
    void (*on_head)(struct exchange *);
    void (*on_body)(struct exchange *);
    /* The body passed the maximum given to exchange_read_body() (413), its share or the process's
     * budget (503), or has not come before a stop (503): the handler must answer. */
    void (*on_body_refused)(struct exchange *, unsigned status);
    void (*on_writable)(struct exchange *);
    void (*on_resumed)(struct exchange *, struct position after);
    /* Was a stream sent all up to there, and nothing behind? */
    bool (*is_at)(const struct exchange *, struct position);
    void (*on_gone)(struct exchange *);
};

/* What a gateway supplies. Call through the functions below. */
struct exchange_wire {
    const char *name;
    void (*reply)(struct exchange *, const struct reply *);
    void (*add)(struct exchange *, struct slice piece);
    void (*cut)(struct exchange *);
    void (*read_body)(struct exchange *, size_t max);
    void (*wait)(struct exchange *);
    void (*stream)(struct exchange *, const struct reply *, struct slice first);
    size_t (*send)(struct exchange *, struct update *const *updates, size_t count);
    bool (*is_flushed)(const struct exchange *);
    bool (*send_text)(struct exchange *, struct slice text);
    void (*end)(struct exchange *, struct slice last);
    bool (*part)(struct exchange *); /* NULL: it has nobody who would ask again */
};

struct exchange {
    const struct exchange_wire *wire;
    const struct exchange_handler *handler;
    struct worker *worker;
    uint64_t id;             /* of the connection, for log lines */
    struct request *request; /* in the arena; NULL once it streams */
    struct arena arena;      /* lives from on_head to on_gone; a stream gives it back earlier */
    struct rules *rules;     /* owns a reference: what holds for this request; set by the router */
    const struct config *config; /* of rules; NULL, as they are, once it streams */
    void *state;                 /* the handler's own */
    const char *token_by;        /* where its token was: header, query, cookie; else none */
    bool is_multicast;           /* its updates are gathered with those of other streams */
    bool may_return;             /* it is gone, but its front lost no more than the connection */
};

/* The gateway's: what the handler is told; and what it left out, it is not. The exchange is over
 * with exchange_gone(), which gives the rules back. */
void exchange_body(struct exchange *);
void exchange_body_refused(struct exchange *, unsigned status);
void exchange_writable(struct exchange *);
void exchange_resumed(struct exchange *, struct position after);
bool exchange_is_at(const struct exchange *, struct position);
void exchange_gone(struct exchange *);

/* First header of that name (ASCII case-insensitive); false: none. */
bool request_header(const struct request *, struct slice name, struct slice *ret_value);
size_t request_header_count(const struct request *, struct slice name);

/* The whole reply, of any size: who makes it bounds it. Formatted and sent (or buffered) before it
 * returns. An unread body is drained by the wire (lingering close). */
void exchange_reply(struct exchange *, const struct reply *);
/* A long reply, of which exchange_reply() told a rest: the next piece of it, once
 * exchange_is_flushed(); where that is false, on_writable says when. HEAD has no rest. The reply is
 * over with the last byte told. */
void exchange_add(struct exchange *, struct slice piece);
/* A long reply that cannot be brought to its end: the connection closes, so that the peer sees that
 * it is short. */
void exchange_cut(struct exchange *);
/* Is its length told? Not of what a HEAD says of a stream: GET has none (RFC 9110, section 8.6). */
bool reply_has_length(const struct reply *, bool is_head);

/* Reads the body, up to `max` bytes; then on_body or on_body_refused. Sends 100 Continue where
 * the peer waits for it and what it announces fits. The arena grows by what decoding the body may
 * take. */
void exchange_read_body(struct exchange *, size_t max);

/* The answer comes later (a commit, a look-up). The peer's silence is not a fault meanwhile; if
 * it leaves, on_gone comes. */
void exchange_wait(struct exchange *);

/* Begins an event stream: head, and `first` as the first bytes of its body, in one write. The
 * request's memory (headers, arena) is given back: nothing of it may be used afterwards. */
void exchange_stream(struct exchange *, const struct reply *, struct slice first);

/* Sends updates in order, in as few writes as possible. Returns how many were begun: fewer than
 * `count` when the socket is full, and then the last one begun may be partly written; the wire
 * keeps a reference to that one, finishes it, and calls on_writable. While something is left to
 * write it begins none (returns 0). A dead socket also begins none; on_gone follows. (By multicast
 * what is begun is gathered, and written when the turn is over, or before anything else that goes
 * to that stream.) */
size_t exchange_send(struct exchange *, struct update *const *updates, size_t count);

/* Has everything that was begun been handed to the kernel? */
bool exchange_is_flushed(const struct exchange *);

/* Sends SSE text of a few bytes (heartbeat, retry:). False: output is pending, nothing was sent. */
bool exchange_send_text(struct exchange *, struct slice text);

/* Ends a stream: finishes an update partly written, then `last`, then the wire's end of body.
 * on_gone follows when it is written, or its time is over. There is no way to cut one: a request
 * that waits is always answered, for an EventSource comes back to a 200 alone. */
void exchange_end(struct exchange *, struct slice last);

/* The hub stops, and will send nothing more: where the front can hold a stream, or a request for
 * one, until it finds the next hub, the connection closes once everything else on it is answered.
 * False: it cannot; end it. */
bool exchange_part(struct exchange *);

#endif
