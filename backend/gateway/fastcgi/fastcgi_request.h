#ifndef GATEWAY_FASTCGI_FASTCGI_REQUEST_H
#define GATEWAY_FASTCGI_FASTCGI_REQUEST_H

/* A request from its BEGIN_REQUEST to its END_REQUEST: a wire of struct exchange; and all that a
 * connection has. */

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

struct fastcgi_request *fastcgi_request_find(struct fastcgi_requests *, uint16_t id);
void fastcgi_request_begin(struct fastcgi_requests *, uint16_t id, bool keep);
bool fastcgi_request_wants_params(const struct fastcgi_request *);
/* May its handler still ask for what comes of STDIN? */
bool fastcgi_request_may_want_body(const struct fastcgi_request *);
/* Is it neither answered nor ended? And is it a stream? */
bool fastcgi_request_is_open(const struct fastcgi_request *);
bool fastcgi_request_streams(const struct fastcgi_request *);
/* Ends it, where an event cannot be finished: nothing more is written into it. */
void fastcgi_request_give_up(struct fastcgi_request *);
/* A part of a stream; `end`: the empty record behind it. */
void fastcgi_request_params(struct fastcgi_request *, struct slice content, bool end);
void fastcgi_request_stdin(struct fastcgi_request *, struct slice content, bool end);
void fastcgi_request_abort(struct fastcgi_request *); /* by the peer */

void fastcgi_requests_init(struct fastcgi_requests *, struct link *);
uint64_t fastcgi_requests_due_ms(const struct fastcgi_requests *); /* UINT64_MAX: none is */
/* At the end of a turn: bodies that are whole, and what is answered and written. The last one that
 * ends may close the connection. */
void fastcgi_requests_resume(struct fastcgi_requests *);
void fastcgi_requests_writable(struct fastcgi_requests *);
void fastcgi_requests_refuse_late(struct fastcgi_requests *);
void fastcgi_requests_drain(struct fastcgi_requests *); /* no body is waited for */
void fastcgi_requests_release(struct fastcgi_requests *);
size_t fastcgi_requests_held(const struct fastcgi_requests *);

#endif
