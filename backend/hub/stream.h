#ifndef HUB_STREAM_H
#define HUB_STREAM_H

/* An open event stream (DESIGN.md, section 1). */

#include "hub/hub.h"
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
    struct grant *grant;     /* owns; NULL: anonymous */
    struct reading *reading; /* owns unless a request of it is under way; NULL: none */
    enum stream_state state;
    bool blocked; /* CATCHING_UP: waits for on_writable */
    bool from_removed;
    uint32_t first_due, last_due;
    uint32_t subscription_count;
    uint64_t stamp;
    struct position position;
    uint64_t last_sent_ms, ends_ms; /* monotonic; ends 0: no end by itself */
    uint64_t address_key;           /* 0: not counted by address */
    struct list node, catch_node;
    struct timer timer;
    struct subscription subscriptions[];
};

/* Takes the grant. With an id (copied): LOOKING, and the head follows the answer; else LIVE, or
 * (`earliest`) CATCHING_UP from what is held. Counts against the bounds must be taken before. */
struct cursor {
    bool given, is_earliest;
    struct slice id;
};
void stream_begin(struct hub_worker *, struct exchange *, struct grant *,
                  const struct slice *topics, size_t topic_count, const struct cursor *,
                  uint64_t address_key);
void stream_gone(struct stream *);     /* the exchange's on_gone: frees */
void stream_writable(struct stream *); /* the exchange's on_writable */
void stream_end(struct stream *);      /* with a retry: */
bool stream_may_get(const struct stream *, const struct update *);

/* LIVE: what was due could not all be sent; `first` is the first update of `batch` not begun. */
void stream_fall_back(struct stream *, const struct batch *, uint32_t first);
/* The turn hook: streams that catch up share one budget. */
void stream_catch_up_all(struct turn_hook *);

#endif
