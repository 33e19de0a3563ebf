#ifndef TRANSPORT_REDIS_SESSION_H
#define TRANSPORT_REDIS_SESSION_H

/* Three connections to one server, from the first attempt to the first trouble, and then anew
 * (DESIGN.md, section 8.1). One thread's. */

#include "base/hash.h"
#include "base/ids.h"
#include "transport/redis/place.h"
#include "transport/redis/script.h"
#include "transport/redis/settings.h"
#include "transport/redis/spare.h"
#include "transport/redis/talk.h"

#define SESSION_STATES(X)                                                                          \
    X(AWAY)       /* until next_ms */                                                              \
    X(CONNECTING) /* the first connection */                                                       \
    X(GREETING)   /* who are we, who is it: on all three */                                        \
    X(JOINING)                                                                                     \
    X(HEALING) /* what the store has lost is put back */                                           \
    X(OPEN)

enum session_state {
#define STATE(name) SESSION_##name,
    SESSION_STATES(STATE)
#undef STATE
};

enum {
    TALK_PUBLISH,
    TALK_LIVE,
    TALK_READ,
    TALKS,
    SESSION_FDS = TALKS + 1 /* and that of Sentinels */
};

struct session;

struct session_owner {
    bool (*healed)(void *owner, struct position end); /* HEALING: all that this hub had is there,
                                                         which ends there. True: session_go_on()
                                                         will be called */
    void (*opened)(void *owner);                      /* JOINING or HEALING is over */
    void (*ended)(void *owner);                       /* OPEN is; nobody is answered any more */
    void *owner;
};

struct session {
    const struct redis_settings *settings; /* borrowed */
    struct session_owner on;
    struct script_keys keys;
    struct spare *spare; /* borrowed: what can be put back; spare->end is what this hub has taken */

    struct place place;
    enum session_state state;
    struct talk talks[TALKS];
    unsigned greeted;
    char run_ids[TALKS][48], identity[80];
    uint64_t deadline_ms; /* of the state */
    uint64_t next_ms;     /* AWAY: the next attempt; HEALING: the next OPEN */
    uint64_t open_ms;     /* HEALING: before that it is not opened */
    uint64_t away_ms;     /* since when; 0: it is open */
    unsigned attempts;    /* in vain */
    unsigned wrongs;      /* ends, of those that another try will not mend, none long ago */
    uint64_t opened_ms;   /* since when it is open, or was last */
    unsigned redirects;   /* by MOVED, since it was open */
    bool is_redirected;   /* it is to be ended for that */
    bool failed;          /* to be ended when the turn is over */
    bool is_wrong;        /* it ended, or is to, for what another try will not mend */
    bool warned;          /* of what the server may forget */
    const char *reason;   /* why it is to be ended: a word for metrics */
    unsigned checks, checks_underway;
    bool gives_way;   /* HEALING: others may have more to begin an empty store with */
    bool looks_again; /* they had their time; who opened now would not have offered anything */
    bool repair;      /* the next JOIN is to look at the stream itself */
    char why[500];
    struct id_source random;

    /* Once it was open. */
    bool has_key;
    struct hash_key key; /* of the ids of positions: the store's */
    uint64_t run;
    struct position end; /* where the run began */
};

/* False: err says what is wrong with the files of TLS; nothing needs an end. */
MUST_CHECK bool session_init(struct session *, const struct redis_settings *, struct spare *,
                             struct session_owner, struct error *err);
void session_fini(struct session *);

/* Fills SESSION_FDS of them. */
void session_poll(const struct session *, struct pollfd *);
/* When it must be worked on at the latest. */
uint64_t session_deadline(const struct session *);
/* What was asked for goes out now. */
void session_send(struct session *);
/* Connections and answers. */
void session_work_talks(struct session *, uint64_t now_ms);
bool session_is_settling(const struct session *);
void session_move(struct session *, enum session_state to);
/* It has failed: all three are closed. */
void session_end(struct session *, uint64_t now_ms);

/* What `healed` asked for is done: the store may be opened. */
void session_go_on(struct session *);
/* It ends when this turn is over. `reason`: a word for metrics; the rest is for the log. */
void session_fail(struct session *, const char *reason, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* The same, of an error, or of an answer of a shape that was not asked for. */
void session_fail_with(struct session *, const char *what, const struct resp *answer);

/* A question on one of the three, to be answered in time. */
struct buf *session_ask(struct session *, unsigned talk, uint64_t now_ms, talk_answer *,
                        void *owner);

#endif
