#ifndef TRANSPORT_REDIS_SETTLER_H
#define TRANSPORT_REDIS_SETTLER_H

/* Answers when this hub has taken what the store had when it was asked. One thread's. */

#include "transport/broadcast.h"
#include "transport/redis/roll.h"

struct settler {
    struct session *session;     /* borrowed */
    struct broadcast *broadcast; /* borrowed */
    const struct roll *roll;     /* borrowed */
    const struct spare *spare;   /* borrowed; its end is what has been taken */

    struct list waiting;  /* transport_settle that came since the question */
    struct list asked;    /* those of the question that is under way */
    struct list reaching; /* until `end` is taken */
    struct position end;
    bool is_asked;
};

void settler_init(struct settler *, struct session *, struct broadcast *, const struct roll *);

void settler_take(struct settler *, struct list *settles);
void settler_ended(struct settler *);
void settler_work(struct settler *, uint64_t now_ms);
/* All that is left is answered. */
void settler_stop(struct settler *);

#endif
