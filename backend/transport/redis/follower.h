#ifndef TRANSPORT_REDIS_FOLLOWER_H
#define TRANSPORT_REDIS_FOLLOWER_H

/* What stands in the stream becomes batches, in its order, and goes to the workers. One thread's.
 */

#include "transport/redis/roll.h"

struct follower {
    struct session *session;     /* borrowed */
    struct broadcast *broadcast; /* borrowed */
    struct spare *spare;         /* borrowed; its end is what has been taken */
    struct sender *sender;       /* borrowed */
    struct roll *roll;           /* borrowed */

    unsigned next; /* enum follower_question */
    bool is_asked;
    bool is_doubted; /* the end is further on, and nothing was found there */
    uint32_t most;   /* records the last question asked for */
    uint32_t mean;   /* bytes of one, lately */

    /* The batch that is being made. */
    struct batch *batch;
    struct origin *origins; /* owns; room for the batch */
    uint32_t room;
};

void follower_init(struct follower *, struct session *, struct broadcast *, struct spare *,
                   struct sender *, struct roll *);
void follower_fini(struct follower *);

void follower_opened(struct follower *);
void follower_ended(struct follower *);
/* Asks for what comes next, if nobody lags. */
void follower_work(struct follower *, uint64_t now_ms);

#endif
