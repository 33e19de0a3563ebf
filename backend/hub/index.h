#ifndef HUB_INDEX_H
#define HUB_INDEX_H

/* Topic to streams, for the streams of one worker. One thread. */

#include "base/list.h"
#include "hub/bookmark.h"
#include "hub/linear_hash.h"
#include "hub/pattern_entry.h"
#include "hub/radix.h"
#include "hub/shares.h"
#include "hub/subscription.h"
#include "topic/matcher.h"

/* What a subscription asks for; borrowed. `base`: only URL Patterns look at it. */
struct selector {
    enum matcher_type type;
    struct slice text, base;
    uint64_t client; /* on whose account it comes into the index; 0: nobody's */
};

enum index_answer {
    INDEX_ADDED,
    INDEX_TWICE,      /* that stream has it already: not added, nothing to remove */
    INDEX_ILL_FORMED, /* err says why */
    INDEX_FULL,       /* index.full says of what */
    INDEX_HOARDED,    /* the client has its share of that */
};

struct index {
    struct linear_hash exact, patterns;
    size_t longest_exact;      /* that there ever was */
    struct entry everything;   /* `*` */
    struct radix templates;    /* by what topics begin with */
    struct radix url_patterns; /* by what the keys of topics begin with (topic/topic.h) */
    struct list bases;         /* of the URL Patterns, each once; mostly one */
    struct shares shares;
    struct shares_limits limits; /* none at first */
    enum share_kind full;        /* of what there was too much, the last time */
    struct bookmark walk;        /* where it is */
    struct list struck;          /* of patterns whose streams have still to be ended */
};

void index_init(struct index *);
void index_fini(struct index *); /* no subscription is left */

MUST_CHECK enum index_answer index_add(struct index *, struct subscription *, struct stream *,
                                       const struct selector *, struct error *);
void index_remove(struct index *, struct subscription *); /* fine for one that is not in it */
/* The same for the same pattern. */
uint64_t index_hash(const struct selector *);
/* Is it one that has to be compiled? And is it already? */
bool index_is_pattern(const struct selector *);
bool index_knows(const struct index *, const struct selector *);
/* Compiles a pattern and keeps it, subscribed to or not, until it is let go as often as it was
 * held. *ret_held is NULL where there is nothing to let go. */
MUST_CHECK enum index_answer index_hold(struct index *, const struct selector *,
                                        struct entry **ret_held);
void index_let_go(struct index *, struct entry *held);
/* Would index_add() find it ill-formed? */
bool index_judge(const struct index *, const struct selector *, struct error *);

/* A pattern that met the limit of steps with three topics is struck: it is not tried any more.
 * Gives the next one that was struck and its subscriptions; false: there is none. */
bool index_take_struck(struct index *, struct selector *ret, struct subscription **ret_first);

/* For the walk (hub/walk.h) and for replay. */
struct entry *index_find_exact(const struct index *, struct slice text);
struct slice index_exact_text(const struct entry *);
/* The pattern met the limit of steps with that topic. */
void index_strike(struct index *, struct pattern_entry *, const struct topic *);
/* At a node of index.bases; NULL: behind the last. */
static inline struct pattern_base *
index_base_at(const struct index *ix, const struct list *node)
{
    return node == &ix->bases ? NULL : CONTAINER_OF(node, struct pattern_base, node);
}

#endif
