#ifndef TRANSPORT_ACTIVE_H
#define TRANSPORT_ACTIVE_H

/* One active subscription: one matcher of one stream, from its begin to its end (PROTOCOL.md,
 * "Active subscriptions"). Immutable once it is shared, but for what is the registry's; the
 * reference count is atomic. */

#include "base/dialect.h"
#include "base/list.h"
#include "base/slice.h"
#include "transport/position.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct active {
    atomic_uint refs;
    enum dialect dialect : 8; /* of its request: events, URL and listing are of that alone */
    bool is_first, is_over;   /* the registry's: first of its collection; its end is committed */
    bool is_kept;             /* the registry's, while it takes another's word for who is active */
    bool is_ending;           /* a transport's alone: its end is on its way */
    uint64_t owner;          /* whose stream it is of, where several hubs share a history; else 0 */
    uint64_t same;           /* equal where the same person has the same subscription again; 0: of
                                nobody, who is never the same */
    struct slice id;         /* its topic, and the path of its document: H/subscriptions/… */
    struct slice json;       /* its object in a collection, on one line, as it began */
    uint32_t collection_len; /* so much of the id is the path of its matcher's collection */
    uint32_t active_at;      /* where in the JSON `true` stands */

    /* The registry's, under its lock. A hundred thousand of them are usual, so they are small. */
    struct position begun; /* run 0: not yet */
    union {
        struct position recorded; /* where its begin stands, perhaps written again */
        struct position ended;    /* of one that is over */
    };
    struct list all, by_collection, by_record;
    struct active *next_of_id, *next_collection;
    uint32_t pins; /* walks that stand here */

    /* Who has its end to tell: whoever was given this number. */
    atomic_uint standing;
};

/* What it is made of; borrowed, copied. */
struct active_parts {
    enum dialect dialect;
    struct slice hub;        /* the hub's path */
    struct slice match_type; /* 1.0: "exact", "urlpattern", …; 0.x: empty */
    struct slice match;      /* as it stood in the request, decoded once */
    struct slice subscriber; /* urn:uuid:… */
    struct slice payload;    /* JSON on one line; empty: none */
    struct slice who;        /* issuer and subject of the token; empty: nobody */
};

/* Caller owns one reference. NULL: no memory. */
MUST_CHECK struct active *active_new(const struct active_parts *);
/* What was made before. `json` is of the form that active_new() gives it. NULL: it is not, or no
 * memory. */
MUST_CHECK struct active *active_restore(enum dialect, struct slice id, struct slice json,
                                         uint64_t same);
struct active *active_ref(struct active *);
void active_unref(struct active **); /* sets the pointer to NULL; NULL is fine */

/* It is of another hub's stream, which alone may be taken over, there. Before it is shared. */
void active_is_foreign(struct active *);
/* Takes it over from whoever has it: its end is told by who comes with the new number, and by
 * nobody else. False: that is on its way. Any thread. */
MUST_CHECK bool active_take_over(struct active *, unsigned *ret_standing);
/* Is its end to be told by who has this number? Then nobody takes it over any more. Once. */
MUST_CHECK bool active_claim_end(struct active *, unsigned standing);

/* What it counts for against max_bytes: its record on the disk, and that of its end. */
size_t active_size(const struct active *);

#endif
