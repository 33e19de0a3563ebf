#ifndef GATEWAY_FASTCGI_FASTCGI_STATE_H
#define GATEWAY_FASTCGI_FASTCGI_STATE_H

/* The states of a request (gateway/fastcgi/fastcgi_request.c). */

#include "base/state.h"

#define FASTCGI_STATES(X)                                                                          \
    X(NEW)       /* begins */                                                                      \
    X(PARAMS)    /* its params come */                                                             \
    X(BODY)      /* the handler wants the body */                                                  \
    X(WAITING)   /* the handler has the request */                                                 \
    X(SENDING)   /* a long reply, whose rest comes in pieces */                                    \
    X(REPLYING)  /* reply and END_REQUEST are written or in `out` */                               \
    X(STREAMING) /* an event stream */                                                             \
    X(ENDING)    /* END_REQUEST is written or in `out` */

enum fastcgi_state {
#define X(name) STATE_##name,
    FASTCGI_STATES(X)
#undef X
};

extern const struct machine fastcgi_machine;

#endif
