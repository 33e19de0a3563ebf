#ifndef HUB_STREAM_H
#define HUB_STREAM_H

/* An open event stream (DESIGN.md, section 1). */

#include "hub/home.h"
#include "hub/presence.h"
#include "hub/replay.h"
#include "hub/subscribe_form.h"
#include "request/exchange.h"

struct lookup;
struct reading;

/* CATCHING_UP and LIVE are its whole life once it has a head. */
#define STREAM_STATES(X)                                                                           \
    X(NEW)                                                                                         \
    X(BEGINNING)   /* its active subscriptions are being committed; no head yet */                 \
    X(LOOKING)     /* its cursor is being looked up; no head yet */                                \
    X(CATCHING_UP) /* reads history or tail */                                                     \
    X(LIVE)        /* in step with its worker */                                                   \
    X(ENDING)      /* no update any more */                                                        \
    X(GONE)

/* No update is due to a stream, or none behind that one (hub/delivery.h). */
#define DUE_NONE UINT32_MAX

enum stream_state {
#define X(name) STREAM_##name,
    STREAM_STATES(X)
#undef X
};

struct stream {
    struct hub_worker *home;
    struct exchange *exchange;
    struct grant *grant;       /* owns; NULL: anonymous */
    struct presence *presence; /* owns; NULL: active subscriptions are off */
    union {
        struct lookup *lookup;   /* without a head; owns; NULL: none */
        struct reading *reading; /* with it; owns; NULL: none */
    };
    enum stream_state state;
    bool blocked : 1; /* CATCHING_UP: waits for on_writable */
    bool from_removed : 1;
    bool takes_what_is_left : 1; /* CATCHING_UP: of begins and ends (READ_ALL_THAT_IS_THERE) */
    bool has_head : 1;         /* its exchange streams; before, it can still be answered anything */
    unsigned dialect : 1;      /* its request's (enum dialect) */
    bool audience_follows : 1; /* its request alone said by which `aud` the token was judged */
    bool has_everything : 1;
    bool is_browser : 1; /* hub/stream_cursor.h */
    bool was_there : 1;  /* its front has held it since another connection, or another hub */
    uint32_t first_due, last_due, touched_at; /* hub/delivery.h */
    uint32_t subscription_count, exact_count; /* exact topics are the first, sorted */
    uint32_t begun_s, sent;                   /* for hub/trace.h: when; how many updates */
    uint32_t begun_in;    /* likewise: the batch that was being matched, or the last one */
    struct replay replay; /* of the update behind position */
    uint64_t stamp;
    struct position position;
    uint64_t last_sent_ms, ends_ms; /* monotonic; ends 0: but for its token, no end by itself */
    uint64_t address_key;           /* 0: not counted by address */
    uint64_t serial;                /* of its worker: each is later than those before it */
    unsigned char address[16];      /* the client's (base/cidr.h); zero: not known */
    struct list node, catch_node;
    struct timer timer;
    struct subscription subscriptions[];
};

/* Takes the grant if it answers INDEX_ADDED; otherwise nothing has happened. Where active
 * subscriptions are on: BEGINNING, until they are committed. Then, with an id (copied): LOOKING,
 * and the head follows the answer; else LIVE, or (`earliest`; just before what it began)
 * CATCHING_UP. Selectors that come twice leave the form. Counts against the bounds must be taken
 * before. */
MUST_CHECK enum index_answer stream_begin(struct hub_worker *, struct exchange *, struct grant *,
                                          struct subscribe_form *, uint64_t address_key,
                                          struct error *);
const char *stream_state_name(const struct stream *);

/* A walk over all streams of a worker that may take several turns: one that ends meanwhile is left
 * out, one that begins comes last. It is over with list_unlink(&look->node). */
struct stream_look {
    struct list node;  /* in home->looks */
    struct list *next; /* in home->streams */
};
void stream_look_begin(struct hub_worker *, struct stream_look *);
struct stream *stream_look_next(struct hub_worker *,
                                struct stream_look *); /* NULL: all were seen */

static inline struct replay_matchers
stream_matchers(const struct stream *s)
{
    return (struct replay_matchers){.all = s->subscriptions,
                                    .count = s->subscription_count,
                                    .exact = s->exact_count,
                                    .has_everything = s->has_everything,
                                    .grant = s->grant};
}
/* Begins and ends are for streams of their dialect alone; 0.x does not hear of itself. */
static inline bool
stream_may_hear(const struct stream *s, const struct update *u)
{
    return u->kind == UPDATE_PUBLISHED ||
           (u->dialect == s->dialect &&
            (s->dialect == DIALECT_1_0 || !presence_is_own(s->presence, u)));
}
/* May it get begins or ends at all? */
bool stream_wants_presence(const struct stream *);
/* The one place where the state changes. */
void stream_move(struct stream *, enum stream_state to);
void stream_retime(struct stream *); /* the heartbeat has changed, or the wall clock was set */
void stream_end(struct stream *);    /* with a retry:, in every state */
void stream_stop(struct stream *);   /* the hub stops: the same, but where its front will hold it */
/* LIVE, and was not sent anything behind that position. */
bool stream_is_at(const struct stream *, struct position);
/* The exchange is over: frees. Nobody has it among their due any more, and its places under the
 * bounds are given back. */
void stream_gone(struct stream *);

#endif
