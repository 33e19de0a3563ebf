#ifndef TRANSPORT_REDIS_LEASE_H
#define TRANSPORT_REDIS_LEASE_H

/* Which hubs live; and what those leave behind that do not (DESIGN.md, section 8.2). One thread's.
 */

#include "transport/broadcast.h"
#include "transport/redis/roll.h"

struct watch;

struct lease {
    struct session *session;     /* borrowed */
    struct roll *roll;           /* borrowed */
    struct broadcast *broadcast; /* borrowed */
    uint64_t node;               /* ours */
    uint64_t lease_ms;

    struct watch *watches; /* owns; other hubs, as this session has seen them */
    size_t watch_count;
    const struct watch *claimed; /* it is being claimed; NULL: none */
    bool is_asked, is_left, is_whole;
    bool is_stopping; /* set by the owner: nothing more is claimed */
    uint64_t tick_ms, check_ms;

    struct list asked;    /* transport_orphans that wait */
    struct list orphaned; /* owns; wait for one who asks */
};

void lease_init(struct lease *, struct session *, struct roll *, struct broadcast *, uint64_t node,
                uint64_t lease_ms);
void lease_fini(struct lease *);

void lease_take(struct lease *, struct list *asked);
void lease_opened(struct lease *);
void lease_ended(struct lease *);
void lease_work(struct lease *, uint64_t now_ms);
uint64_t lease_deadline(const struct lease *);
/* The hub stops: what is active on it is anybody's. False: that is said, or cannot be. */
bool lease_leave(struct lease *, uint64_t now_ms);
/* All that is left is answered. */
void lease_stop(struct lease *);

#endif
