#ifndef GATEWAY_FASTCGI_FASTCGI_REQUEST_H
#define GATEWAY_FASTCGI_FASTCGI_REQUEST_H

/* A request from its BEGIN_REQUEST to its END_REQUEST (FastCGI 1.0, sections 5 and 6.2): a
 * wire of struct exchange; and what it shares with the others of its connection. */

#include "gateway/body.h"
#include "gateway/fastcgi/multicast.h"
#include "gateway/fastcgi/request_table.h"
#include "gateway/link.h"

struct fastcgi_request {
    struct exchange exchange;
    struct fastcgi_requests *all;
    struct list node;     /* in all->busy or all->streams */
    struct input *input;  /* owns; NULL once it streams */
    uint64_t deadline_ms; /* monotonic; 0: none */
    uint16_t id;
    unsigned state;
    bool active;     /* between on_head and on_gone */
    bool asked_body; /* the handler called exchange_read_body() */
    bool stdin_done;
    bool streamed; /* the reply is a stream, however short */

    /* Of a stream by multicast. */
    bool paused;     /* by the front: it gets nothing */
    bool is_covered; /* marks of the connection are for it */
    bool is_torn;    /* so much of the event at that place the front has: the rest is next */
    bool parted;     /* the hub stops: the next one is asked */
    bool resumes;    /* as soon as it streams: until then it stays paused */
    uint32_t torn_offset;
    struct position torn_at;
};

struct fastcgi_requests {
    struct link *link;
    struct list busy;            /* those that do not stream: who has a deadline, or is to end */
    struct list streams;         /* those that do */
    struct request_table *table; /* owns: all but `first`; NULL: there was never another */
    struct multicast *multicast; /* owns; NULL: it is not spoken here */
    size_t count;
    uint64_t deadline_ms;         /* while no request runs */
    bool keep;                    /* FCGI_KEEP_CONN of the last request that ran */
    bool unread;                  /* a request ended before its STDIN did */
    struct fastcgi_request first; /* most connections have one at a time; free: its `all` is NULL */
};

static inline uint64_t
fastcgi_requests_now_ms(const struct fastcgi_requests *all)
{
    return worker_now_ms(all->link->connection.worker);
}

/* From BEGIN_REQUEST on, with a clock for its params; it is in neither list yet. `*r` is the
 * caller's, and is overwritten; `all` is borrowed and outlives it. */
void fastcgi_request_init(struct fastcgi_request *, struct fastcgi_requests *all, uint16_t id);
/* Its handler hears that it has gone, if it did not yet. */
void fastcgi_request_fini(struct fastcgi_request *);
bool fastcgi_request_wants_params(const struct fastcgi_request *);
/* May its handler still ask for what comes of STDIN? */
bool fastcgi_request_may_want_body(const struct fastcgi_request *);
/* Is it neither answered nor ended? Is it a stream? Is all of it, with its END_REQUEST, written or
 * with the link? */
bool fastcgi_request_is_open(const struct fastcgi_request *);
bool fastcgi_request_streams(const struct fastcgi_request *);
bool fastcgi_request_is_answered(const struct fastcgi_request *);
/* Ends it, where an event cannot be finished: nothing more is written into it. */
void fastcgi_request_give_up(struct fastcgi_request *);
/* A part of a stream; `end`: the empty record behind it. */
void fastcgi_request_params(struct fastcgi_request *, struct slice content, bool end);
void fastcgi_request_stdin(struct fastcgi_request *, struct slice content, bool end);
void fastcgi_request_abort(struct fastcgi_request *); /* by the peer */
/* At the end of a turn: a body that is whole. */
void fastcgi_request_resume(struct fastcgi_request *);
void fastcgi_request_writable(struct fastcgi_request *);    /* the rest of a long reply */
void fastcgi_request_refuse_late(struct fastcgi_request *); /* past its deadline: 408 */
void fastcgi_request_drain(struct fastcgi_request *); /* the hub stops: no body is waited for */
size_t fastcgi_request_held(const struct fastcgi_request *); /* bytes, until it streams */

#endif
