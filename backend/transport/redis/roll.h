#ifndef TRANSPORT_REDIS_ROLL_H
#define TRANSPORT_REDIS_ROLL_H

/* Who is there, on all hubs: the registry, which follows the stream, and the store's own list of
 * the same (DESIGN.md, section 8.2). One thread's. */

#include "transport/redis/sender.h"
#include "transport/registry.h"

enum {
    ROLL_HUBS = 1024 /* with active subscriptions, at once */
};

struct roll_hub {
    uint64_t node;
    size_t count; /* active subscriptions of its streams */
};

struct roll {
    struct session *session;   /* borrowed */
    struct sender *sender;     /* borrowed */
    const struct spare *spare; /* borrowed; its end is what has been taken */
    struct registry
        *registry; /* owns; NULL: active subscriptions are off, and all this is nothing */
    struct id_source ids;
    bool has_random_ids;

    struct roll_hub *hubs; /* owns; room for ROLL_HUBS */
    size_t hub_count;

    /* From the store into the registry. */
    bool is_stale, is_asked;
    bool is_lost;          /* stale by a break, so that streams have ended */
    bool was_read;         /* it has been read anew: whoever looks at it clears it */
    struct active **found; /* owns, with references */
    size_t found_count, found_cap;

    /* From the registry into the store. */
    bool is_restoring;
    struct registry_walk walk;
    int dialect; /* being walked */

    struct list lost; /* ours, which somebody has ended although they live */
};

void roll_init(struct roll *, struct session *, struct sender *, const struct spare *,
               const struct transport_settings *);
void roll_fini(struct roll *);

/* What was taken does not follow what came before: the registry is not as of it. */
void roll_forget(struct roll *);
/* Is the registry as of what was taken? Until then nothing more is. */
bool roll_is_ready(const struct roll *);
/* The batch is about to be committed: `origins` tells who wrote each of its updates. */
void roll_take(struct roll *, struct batch *, const struct origin *origins);
/* These are on their way: ends among them are wanted by the hub itself. */
void roll_expect(struct roll *, const struct transport_publish *);

/* The store is healing, and ends there. Does it have to be told who is active? Then it is, and the
 * session goes on to be opened. */
bool roll_restore(struct roll *, struct position end);
/* Does the store agree? Where nothing is on its way it is asked. */
void roll_check(struct roll *, uint64_t now_ms);

void roll_ended(struct roll *);
void roll_work(struct roll *, uint64_t now_ms);

#endif
