#ifndef MOD_ALIPES_STREAM_H
#define MOD_ALIPES_STREAM_H

/* One stream: its client, what the client was given of the history, and what is not written yet.
 * It belongs to one poller; a worker has it only until it is posted. */

#include "base/buf.h"
#include "base/list.h"
#include "mod_alipes/arrival.h"
#include "mod_alipes/client.h"
#include "mod_alipes/watch.h"
#include "mod_alipes/wire.h"

enum {
    STREAM_BODY = 65535,      /* of a request */
    STREAM_REST = 65536 + 64, /* bytes that wait for a client: one record in its frame */
};

/* Why a stream ended, as the log has it. */
#define STREAM_ENDS(X)                                                                             \
    X(LEFT, "left")       /* the client did */                                                     \
    X(ENDED, "ended")     /* the hub ended it */                                                   \
    X(REFUSED, "refused") /* the hub that came back did not take it */                             \
    X(AWAY, "away")       /* no hub for AlipesReattach */                                          \
    X(LOST, "lost")       /* a hub that knows no places is gone */                                 \
    X(STOPPED, "stopped") /* this child ends */                                                    \
    X(SLOW, "slow")       /* a hub that knows no PAUSE, and a client that does not read */         \
    X(SAID, "said")       /* the client sent too much behind its request */

enum stream_end {
#define X(name, word) STREAM_END_##name,
    STREAM_ENDS(X)
#undef X
};

enum stream_state {
    STREAM_NEW,     /* no hub was asked for it */
    STREAM_OPENING, /* its head is to come */
    STREAM_HEADED,  /* a worker writes the head */
    STREAM_LIVE,    /* the client is ours */
    STREAM_ENDING,  /* what waits, the last chunk, and the end */
    STREAM_GONE,    /* the client is closed; its number is still the hub's */
};

/* The bytes of a record as they go out: in a chunk's frame, or bare. */
struct piece {
    struct slice framed, bare;
};

struct link;

struct stream {
    /* What a delivery touches: two lines of the processor's cache. */
    struct watched watched;
    struct client client; /* none before LIVE */
    enum stream_state state;
    uint32_t offset; /* of the event at `place`: so many bytes are the client's */
    uint32_t marks;  /* of its link, when `place` was set */
    uint16_t id;     /* 0: none */
    bool is_chunked;
    bool is_asked;      /* the hub runs it */
    bool is_placed;     /* `place` holds something */
    bool is_covered;    /* marks of its link move it */
    bool is_paused;     /* the hub was told PAUSE, and not RESUME */
    bool is_silent;     /* and has answered */
    bool is_over;       /* it ends as soon as it is LIVE */
    bool is_browser;    /* an EventSource */
    struct place place; /* what of the history it has: all up to here */
    uint64_t bytes;     /* written, frames included */
    struct buf rest;    /* begun, and not written: goes out whole */

    struct link *link;       /* borrows; NULL while NEW */
    struct list node;        /* of all streams of its link */
    struct list queue;       /* of those that wait to be asked for, or asked for again */
    struct arrival *arrival; /* owns; NULL once no worker has it */
    struct again *again;     /* owns; NULL but while it is re-attached */
    struct buf params;       /* pairs: what the request is, without its cursor */
    struct buf body;         /* of a QUERY */
    struct buf cursor;       /* a pair or nothing: what the client came with */
    uint64_t begun_ms;       /* wall clock */
    enum stream_end end;
};

_Static_assert(offsetof(struct stream, link) <= 128, "a delivery touches two lines of the cache");

/* A re-attachment: the new head is read and thrown away. */
struct again {
    struct buf head;
    char asked[WIRE_CURSOR];
};

struct stream *stream_new(bool is_chunked); /* NULL: no memory */
void stream_free(struct stream **);
const char *stream_end_word(enum stream_end);

void piece_make(struct piece *, struct buf *frame, struct slice bytes);

enum stream_took {
    STREAM_TOOK_ALL,
    STREAM_TOOK_PART, /* the rest waits; the socket is full */
    STREAM_TOOK_LOST, /* the client is gone */
    STREAM_TOOK_OVER, /* more waits than may */
};

/* Gives it a piece, which is written or kept whole. */
MUST_CHECK enum stream_took stream_take(struct stream *, const struct piece *);
MUST_CHECK enum stream_took stream_flush(struct stream *);
bool stream_is_flushed(const struct stream *);

/* `length` bytes of the event at `place` are its own now; `more` follow. */
void stream_move(struct stream *, const struct place *, size_t length, bool more, uint32_t marks);
/* The client has a part of an event: it cannot be told anything else. */
bool stream_is_torn(const struct stream *);

/* The last words of a stream that the hub does not end itself, into `text`. */
void stream_farewell(const struct stream *, unsigned retry_ms, struct buf *text);
/* The hub's head named a ticket: it goes with the request from now on. */
void stream_keep_ticket(struct stream *, struct slice ticket);

#endif
