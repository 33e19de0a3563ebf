#ifndef CLI_DOCTOR_WEB_H
#define CLI_DOCTOR_WEB_H

/* What a client sees: requests by libcurl, which is opened when it is first needed. A reply is
 * read as it comes, so a stream is one that does not end. */

#include "base/buf.h"
#include "base/error.h"

struct web_ask {
    const char *method; /* GET, POST, OPTIONS */
    const char *url;
    const char *headers[8]; /* to NULL */
    const char *body;       /* NULL: none */
    const char *ca_file;    /* NULL: the system's authorities */
};

struct web_reply {
    unsigned status;  /* 0: no head has come */
    unsigned version; /* 10, 11, 20, 30 */
    struct buf head;  /* its lines, the status line too */
    struct buf body;  /* as it came: never decompressed */
    bool ended;       /* in order or not: `why` */
    struct error why; /* empty: in order */
    struct web_call *call;
};

/* Begins it, without waiting. False: err says why; there is nothing to end. */
MUST_CHECK bool web_begin(struct web_reply *, const struct web_ask *, struct error *);
/* Waits for something to come, `ms` at most. */
void web_wait(struct web_reply *, unsigned ms);
void web_end(struct web_reply *);

/* The whole of a short answer: true once it has ended in order. Caller ends it in any case. */
MUST_CHECK bool web_ask(struct web_reply *, const struct web_ask *, struct error *);

/* A header's value, the `nth` (from 0) of that name; empty: there is none. */
struct slice web_header(const struct web_reply *, const char *name, size_t nth);

#endif
