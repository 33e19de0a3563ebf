#ifndef TRANSPORT_REDIS_SEEKER_H
#define TRANSPORT_REDIS_SEEKER_H

/* Look-ups and reads: from what this hub holds, else from the store. One thread's. */

#include "transport/broadcast.h"
#include "transport/redis/session.h"

enum {
    SEEKER_RECENT = 16
};

struct seeker {
    struct session *session;     /* borrowed */
    struct broadcast *broadcast; /* borrowed */
    const struct spare *spare;   /* borrowed */

    struct list finds, asked_finds;      /* transport_find; those that wait, and those under way */
    struct list ahead;                   /* found behind what was taken */
    uint64_t ahead_ms;                   /* since when there are any */
    struct list reads;                   /* transport_read that wait */
    struct list asked_reads;             /* their stretches, under way */
    unsigned asked;                      /* of both */
    bool is_whole;                       /* of the script */
    struct batch *recent[SEEKER_RECENT]; /* owns references: the last pieces that were read */
    unsigned next_recent;
    size_t recent_bytes;
};

void seeker_init(struct seeker *, struct session *, struct broadcast *, const struct spare *);
void seeker_fini(struct seeker *);

/* Take what is in the list. */
void seeker_take(struct seeker *, struct list *finds, struct list *reads);
void seeker_opened(struct seeker *);
void seeker_ended(struct seeker *);
void seeker_work(struct seeker *, uint64_t now_ms);
/* When look-ups that wait are answered that nothing can be said. */
uint64_t seeker_deadline(const struct seeker *);
/* All that is left is answered. */
void seeker_stop(struct seeker *);

#endif
