#ifndef GATEWAY_HTTP_HTTP_REQUEST_H
#define GATEWAY_HTTP_HTTP_REQUEST_H

/* The request of a connection, one at a time, and what its handler calls: a wire of struct
 * exchange. */

#include "gateway/body.h"
#include "gateway/http/chunked.h"
#include "gateway/link.h"

#define HTTP_STATES(X)                                                                             \
    X(IDLE)      /* nothing of a request is here */                                                \
    X(HEAD)      /* a part of a head is */                                                         \
    X(BODY)      /* the handler wants the body */                                                  \
    X(WAITING)   /* the handler has the request */                                                 \
    X(SENDING)   /* a long reply, whose rest comes in pieces */                                    \
    X(REPLYING)  /* the whole reply is written or in `out` */                                      \
    X(STREAMING) /* an event stream */                                                             \
    X(ENDING)    /* its last bytes are in `out` */

enum http_state {
#define X(name) HTTP_##name,
    HTTP_STATES(X)
#undef X
};

/* What only a body needs. */
struct http_body {
    struct body body;
    struct chunked chunked;
    uint64_t left; /* Content-Length's */
    bool is_chunked;
};

struct http {
    struct link link;
    struct exchange exchange;
    struct http_body *body; /* owns; NULL: no body is announced or kept */
    size_t scanned;
    unsigned state; /* enum http_state */
    bool active;    /* between on_head and on_gone */
    bool keep;      /* the connection may serve another request */
    bool chunked;   /* replies without a length are chunked */
    bool body_open; /* announced and not read to its end */
    bool streamed;  /* the reply is a stream, however short; none follows it */
    bool expects_continue;
};

extern const struct exchange_wire http_request_wire;
extern const struct framing http_request_framing;

void http_request_move(struct http *, enum http_state to);
/* Has the peer ended, with nothing sent ahead that is not worked off? */
bool http_request_is_last(const struct http *);
/* The wire's own reply; the connection ends with it. `sentence` as in gateway/refusal.h. */
void http_request_refuse(struct http *, unsigned status, struct slice sentence);
/* Everything that belongs to one request. */
void http_request_release(struct http *);

#endif
