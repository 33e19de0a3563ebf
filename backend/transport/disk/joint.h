#ifndef TRANSPORT_DISK_JOINT_H
#define TRANSPORT_DISK_JOINT_H

/* The stores of a transport: what is published, and, where subscriptions are on, beside it what
 * begins and ends, with a retention of its own. Both are in one order of positions. */

#include "transport/disk/store.h"
#include "transport/registry.h"

enum {
    JOINT_BATCH = 4096 /* updates in a commit, at most */
};

struct joint {
    /* Set at the start, then read-only. */
    struct store *published;   /* owns */
    struct store *active;      /* owns; NULL: subscriptions are off */
    struct registry *registry; /* owns; with `active` */

    /* The writer alone. */
    uint64_t next_sequence;
    struct position last;                 /* committed */
    struct update *parts[2][JOINT_BATCH]; /* of a commit, for one store each; borrowed */

    /* What both stores have, all of it; where there are two. */
    pthread_mutex_t lock;
    struct position committed;
};

/* What was active is in the registry. NULL: err says why. */
struct joint *joint_open(const struct transport_settings *, struct error *err);
void joint_close(struct joint **); /* NULL is fine */

/* What is active stays, wherever it stands: after each change of it. The writer's thread. */
void joint_set_floor(struct joint *);
void joint_stat(struct joint *, struct transport_stat *);
/* The keeper's turn. Returns in how many milliseconds the next one is due; 0: at once. */
uint64_t joint_keep(struct joint *);

#endif
