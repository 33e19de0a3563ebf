#ifndef HUB_INDEX_H
#define HUB_INDEX_H

/* Topic to streams, for the streams of one worker. One thread. */

#include "base/list.h"
#include "hub/entries.h"
#include "hub/prefixes.h"
#include "topic/matcher.h"
#include "transport/update.h"

#include <stdint.h>

struct stream;
struct pattern_entry;

/* One matcher of one stream; embedded in the stream. */
struct subscription {
    struct subscription *next, **at; /* of those on the same entry */
    struct stream *stream;
    struct entry *entry; /* NULL: not in the index */
};

/* What a subscription asks for; borrowed. `base`: only URL Patterns look at it. */
struct selector {
    enum matcher_type type;
    struct slice text, base;
};

enum index_answer {
    INDEX_ADDED,
    INDEX_TWICE,           /* that stream has it already: not added, nothing to remove */
    INDEX_ILL_FORMED,      /* err says why */
    INDEX_FULL,            /* max_patterns */
    INDEX_FULL_OF_UNFIXED, /* max_unfixed_patterns */
    INDEX_FULL_OF_BASES,   /* max_pattern_bases */
};

struct index_limits {
    size_t max_patterns; /* distinct ones */
    size_t max_unfixed;  /* of them, those that every topic has to be tried with */
    size_t max_bases;
};

typedef void index_hit(struct stream *, void *context);

/* The matching of one update, which may take more than one turn. */
struct index_walk {
    const struct update *update; /* NULL: none is under way */
    index_hit *hit;
    void *context;
    uint64_t stamp;     /* one an update: a pattern that bears it has matched it already */
    uint32_t topic;     /* whose candidates are being tried */
    uint32_t at, count; /* of the candidates */
    uint32_t cap;
    struct pattern_entry **candidates; /* owns; NULL in it: left meanwhile */
};

struct index {
    struct entries exact, patterns;
    struct entry everything;      /* `*` */
    struct prefixes templates;    /* by what topics begin with */
    struct prefixes url_patterns; /* by what the keys of topics begin with (topic/topic.h) */
    struct list bases;            /* of the URL Patterns, each once; mostly one */
    size_t base_count;
    size_t unfixed;
    struct index_limits limits;
    struct index_walk walk;
    struct list struck; /* of patterns whose streams have still to be ended */
};

void index_init(struct index *); /* without limits: set `limits` */
void index_fini(struct index *); /* no subscription is left */

MUST_CHECK enum index_answer index_add(struct index *, struct subscription *, struct stream *,
                                       const struct selector *, struct error *);
void index_remove(struct index *, struct subscription *); /* fine for one that is not in it */
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

/* Begins with an update, whatever is left of *steps: calls `hit` for each subscription that its
 * topics meet; a stream may come more than once. `hit` must not add or remove subscriptions. Exact
 * ones come at once; patterns in index_go_on(), which takes what it needs off *steps, is to be
 * called until it says that all is done, and may be called in a later turn: subscriptions that were
 * removed meanwhile do not come, those that were added meanwhile may. */
void index_begin(struct index *, const struct update *, index_hit *hit, void *context,
                 uint64_t *steps);
MUST_CHECK bool index_go_on(struct index *, uint64_t *steps);

/* Matches one subscription alone, for replay. */
enum match subscription_match(struct index *, const struct subscription *, const struct update *,
                              uint64_t *steps);

/* A pattern that met the limit of steps three times is struck: it is not tried any more. Gives the
 * next one that was struck and its subscriptions; false: there is none. */
bool index_take_struck(struct index *, struct selector *ret, struct subscription **ret_first);

#endif
