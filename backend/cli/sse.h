#ifndef CLI_SSE_H
#define CLI_SSE_H

/* An event stream read as a browser does (WHATWG HTML, "Interpreting an event stream"). */

#include "base/buf.h"
#include "base/compiler.h"

#include <stdint.h>

enum {
    SSE_MAX_LINE = 64 * 1024 * 1024 /* of a line, and of an event's data */
};

struct sse_event {
    struct slice id;   /* the last one that was said: of this event, or of one before */
    struct slice type; /* empty: message */
    struct slice data;
};

struct sse {
    struct buf line, type, data, new_id;
    struct buf id;     /* with which the next connection asks */
    uint64_t retry_ms; /* as the stream says; UINT64_MAX: it says nothing */
    bool has_begun, after_cr;
    void (*on_event)(void *context, const struct sse_event *);
    void *context;
};

void sse_init(struct sse *, void (*on_event)(void *context, const struct sse_event *),
              void *context);
void sse_fini(struct sse *);
/* Another connection begins: what was half said is forgotten, id and retry are not. */
void sse_restart(struct sse *);
/* False: a line or an event is larger than SSE_MAX_LINE. */
MUST_CHECK bool sse_feed(struct sse *, struct slice bytes);

#endif
