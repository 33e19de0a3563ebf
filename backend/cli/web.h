#ifndef CLI_WEB_H
#define CLI_WEB_H

/* A hub, asked as any client asks it: by a URL, or at the socket that a configuration says. */

#include "base/buf.h"
#include "base/compiler.h"
#include "base/error.h"
#include "config/config.h"

enum {
    WEB_MAX_REPLY = 1024 * 1024 /* of a reply that is no stream */
};

struct web {
    struct buf url;        /* of the hub; ends with a NUL that does not count */
    struct buf connect_to; /* in place of the URL's host and port; empty: there */
    struct buf socket;     /* the path of a Unix socket; empty: TCP */
    struct buf shown;      /* where that is, for people */
    const char *ca_file;   /* borrowed; NULL: the system's */
    struct slice token;    /* borrowed; empty: none */
};

/* `url` NULL: the first address of `listen` that can be asked, under the first of public_urls. */
MUST_CHECK bool web_open(struct web *, const char *url, const struct config *, struct error *);
void web_fini(struct web *);

struct web_reply {
    unsigned status;     /* 0: none came */
    bool was_sent;       /* the request, or a part of it */
    struct buf body;     /* of one that is no stream, as much of it as there is room for */
    struct buf location; /* where it sends us */
    struct buf type;     /* of its content, as it is said */
    struct buf cursor;   /* what it says of the cursor that was asked for; empty: nothing */
};

void web_reply_fini(struct web_reply *);

/* True: a reply came, whole. */
MUST_CHECK bool web_post(const struct web *, struct slice form, struct web_reply *, struct error *);

struct web_reader {
    bool (*take)(void *context, struct slice bytes);        /* of a stream; false: enough */
    void (*begun)(void *context, const struct web_reply *); /* once, before them */
    void *context;
};

/* Reads until the stream ends, which is true; a reply that is no stream is true too. `cursor` may
 * be empty. False: err says why there was none, or why it broke off. */
MUST_CHECK bool web_listen(const struct web *, const char *query, struct slice cursor,
                           const struct web_reader *, struct web_reply *, struct error *);

/* What a publish that is done answers: an id, alone on its line. Empty: that is no hub's answer. */
struct slice web_reply_id(const struct web_reply *);
bool web_reply_is_stream(const struct web_reply *);

/* In words, with what to do; to stderr, behind the command's name. */
struct call;
void web_complain(const struct call *, const struct web *, const struct web_reply *);

#endif
