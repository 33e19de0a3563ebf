#ifndef CLI_DOCTOR_TRANSFER_H
#define CLI_DOCTOR_TRANSFER_H

/* What a client sees: requests by libcurl, which is opened when it is first needed. A reply is
 * read as it comes, so a stream is one that does not end. */

#include "base/buf.h"
#include "base/error.h"

struct transfer_ask {
    const char *method; /* GET, POST, OPTIONS */
    const char *url;
    const char *headers[8]; /* to NULL */
    const char *body;       /* NULL: none */
    const char *ca_file;    /* NULL: the system's authorities */
};

struct transfer {
    unsigned status;  /* 0: no head has come */
    unsigned version; /* 10, 11, 20, 30 */
    struct buf head;  /* its lines, the status line too */
    struct buf body;  /* as it came: never decompressed */
    bool ended;       /* in order or not: `why` */
    struct error why; /* empty: in order */
    struct transfer_call *call;
};

/* Begins it, without waiting. False: err says why; there is nothing to end. */
MUST_CHECK bool transfer_begin(struct transfer *, const struct transfer_ask *, struct error *);
/* Waits for something to come, `ms` at most. */
void transfer_wait(struct transfer *, unsigned ms);
void transfer_end(struct transfer *);

/* The whole of a short answer: true once it has ended in order. Caller ends it in any case. */
MUST_CHECK bool transfer_run(struct transfer *, const struct transfer_ask *, struct error *);

/* A header's value, the `nth` (from 0) of that name; empty: there is none. */
struct slice transfer_header(const struct transfer *, const char *name, size_t nth);

#endif
