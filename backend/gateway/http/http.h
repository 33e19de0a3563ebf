#ifndef GATEWAY_HTTP_HTTP_H
#define GATEWAY_HTTP_HTTP_H

/* HTTP/1.1 and 1.0 on a connection: the wire of struct exchange. */

#include "loop/connection.h"
#include "request/exchange.h"

#include <stdatomic.h>

enum http_event {
    HTTP_BAD_REQUEST,
    HTTP_HEAD_TOO_LARGE,
    HTTP_HEAD_TIMEOUT,
    HTTP_BODY_TIMEOUT,
    HTTP_IDLE_TIMEOUT,
    HTTP_REPLY_TIMEOUT,
};

/* Borrowed; outlives every connection. */
struct http_settings {
    /* Called when a head is complete; gives its handler (never NULL). */
    const struct exchange_handler *(*route)(struct exchange *);
    size_t max_head;
    atomic_size_t *pending; /* bytes of bodies, counted with other things of the process */
    size_t max_pending_bytes;
    uint64_t head_timeout_ms, body_timeout_ms, keepalive_timeout_ms, reply_timeout_ms;
    uint64_t idle_timeout_ms, linger_timeout_ms, heartbeat_ms;
    void (*count)(struct worker *, enum http_event);
    void (*freed)(struct worker *); /* a connection is no more */
    bool (*stopping)(struct worker *);
};

/* The connections of one worker. */
struct http_registry {
    struct list connections;
};

void http_registry_init(struct http_registry *);
/* Takes fd. The worker's thread. */
void http_accept(struct worker *, int fd, const struct listener_peer *,
                 const struct http_settings *, struct http_registry *);
/* Closes idle kept connections; with settings->stopping() true, later replies say close. */
void http_drain(struct http_registry *);
/* Closes every connection, whatever it does. */
void http_cut_all(struct http_registry *);

#endif
