#ifndef TRANSPORT_REDIS_SENDER_H
#define TRANSPORT_REDIS_SENDER_H

/* Publishes, from the workers' mailbox until each is answered (DESIGN.md, section 8.1). One
 * thread's. */

#include "transport/broadcast.h"
#include "transport/redis/entry.h"
#include "transport/redis/session.h"

struct sender {
    struct session *session;     /* borrowed */
    struct broadcast *broadcast; /* borrowed */
    const struct transport_settings *settings;
    uint64_t node; /* ours, drawn at random */

    /* In the order of their numbers. */
    struct list sent;    /* asked for in this session, and not read back */
    struct list again;   /* asked for in an earlier one */
    struct list waiting; /* have no number yet */
    struct list stored;  /* read back; `replicas` are to have them */

    uint64_t next_number;
    uint64_t asked_upto; /* the last that was ever asked for, in asked_run */
    uint64_t asked_run;
    uint64_t again_upto; /* up to here they were asked for in another run as well */

    /* One call at a time. */
    unsigned unanswered; /* of its questions */
    bool is_whole, wants_more;
    uint64_t first, last, began_ns; /* of the call; last < first: it brings nothing */
    uint64_t fresh;                 /* from this number on they had never been asked for */
    uint64_t tick_ms;               /* the next call that brings nothing */

    /* The server has all up to this number, the last of them there. */
    uint64_t lag; /* as told last */
    uint64_t accepted_upto;
    struct position accepted;
    uint64_t replicated_upto, short_upto; /* have enough replicas; have not */

    struct transport_stat held; /* as of the last answer */
};

void sender_init(struct sender *, struct session *, struct broadcast *,
                 const struct transport_settings *);

/* Takes what is in the list. */
void sender_take(struct sender *, struct list *publishes);
/* One of this thread itself, without an origin: its `receive` is called here. */
void sender_add(struct sender *, struct transport_publish *);
void sender_opened(struct sender *);
void sender_ended(struct sender *);
/* Asks for what waits, and answers what has waited too long. */
void sender_work(struct sender *, uint64_t now_ms);
uint64_t sender_deadline(const struct sender *);
bool sender_is_empty(const struct sender *);
/* All that is left is answered. */
void sender_stop(struct sender *);

/* The record has been read back. Ours: the update that waited for it, with a reference, and its
 * publisher is answered with the rest of its group. Else NULL. */
struct update *sender_confirm(struct sender *, const struct entry *);
/* All up to there has been read back, or will never be. */
void sender_reached(struct sender *, struct position);

#endif
