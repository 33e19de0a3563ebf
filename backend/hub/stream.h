#ifndef HUB_STREAM_H
#define HUB_STREAM_H

/* An open event stream (DESIGN.md, section 1). */

#include "hub/hub.h"
#include "hub/query.h"
#include "hub/replay.h"
#include "request/exchange.h"

/* CATCHING_UP and LIVE are its whole life once it has a head. */
#define STREAM_STATES(X)                                                                           \
    X(LOOKING)     /* its cursor is being looked up; no head yet */                                \
    X(CATCHING_UP) /* reads history or tail */                                                     \
    X(LIVE)        /* in step with its worker */                                                   \
    X(ENDING)      /* no update any more */

enum stream_state {
#define X(name) STREAM_##name,
    STREAM_STATES(X)
#undef X
};

struct stream {
    struct hub_worker *home;
    struct exchange *exchange;
    struct grant *grant; /* owns; NULL: anonymous */
    union {
        struct lookup *lookup;   /* without a head; owns; NULL: none */
        struct reading *reading; /* with it; owns unless a request of it is under way; NULL: none */
    };
    enum stream_state state;
    bool blocked : 1; /* CATCHING_UP: waits for on_writable */
    bool from_removed : 1;
    bool has_head : 1;         /* its exchange streams; before, it can still be answered anything */
    unsigned dialect : 1;      /* its request's (enum dialect) */
    bool audience_follows : 1; /* its request alone said by which `aud` the token was judged */
    bool has_everything : 1;
    uint32_t first_due, last_due, touched_at; /* hub/delivery.h */
    uint32_t subscription_count, exact_count; /* exact topics are the first, sorted */
    uint32_t begun_s, sent;                   /* for hub/trace.h: when; how many updates */
    uint32_t begun_in;    /* likewise: the batch that was being matched, or the last one */
    struct replay replay; /* of the update behind position */
    uint64_t stamp;
    struct position position;
    uint64_t last_sent_ms, ends_ms; /* monotonic; ends 0: but for its token, no end by itself */
    uint64_t address_key;           /* 0: not counted by address */
    struct list node, catch_node;
    struct timer timer;
    struct subscription subscriptions[];
};

/* Takes the grant if it answers INDEX_ADDED; otherwise nothing has happened. With an id (copied):
 * LOOKING, and the head follows the answer; else LIVE, or (`earliest`) CATCHING_UP from what is
 * held. Counts against the bounds must be taken before. */
MUST_CHECK enum index_answer stream_begin(struct hub_worker *, struct exchange *, struct grant *,
                                          const struct query *, uint64_t address_key,
                                          struct error *);
void stream_gone(struct stream *);     /* the exchange's on_gone: frees */
void stream_writable(struct stream *); /* the exchange's on_writable */
void stream_end(struct stream *);      /* with a retry:, in every state */
/* Ends the streams of patterns that were struck. */
void stream_end_struck(struct hub_worker *);
void stream_retime(struct stream *); /* the heartbeat has changed, or the wall clock was set */

/* LIVE: what was due could not all be sent; `first` is the first update of `batch` not begun. */
void stream_fall_back(struct stream *, const struct batch *, uint32_t first);
/* The turn hook: streams that catch up share one budget. */
void stream_catch_up_all(struct turn_hook *);

#endif
