#ifndef HUB_WALK_H
#define HUB_WALK_H

/* The matching of one update with everybody in the index, which may take more than one turn. */

#include "topic/match.h"
#include "transport/update.h"

struct index;
struct pattern_base;
struct pattern_entry;
struct stream;
struct subscription;

/* False: the steps are spent, and it is to be called again with that stream. */
typedef bool walk_hit(struct stream *, void *context);

/* Embedded in the index. */
struct walk {
    const struct update *update; /* NULL: none is under way */
    walk_hit *hit;
    void *context;
    uint64_t stamp; /* one an update: a pattern that bears it has matched it already */
    uint32_t topic; /* the next to begin with */

    /* Of what the topic before that has met. */
    struct subscription *next; /* to be told */
    struct pattern_base *base; /* whose URL Patterns are to be looked up; NULL: none */
    uint32_t at, count;        /* of the candidates */
    uint32_t cap;
    struct pattern_entry **candidates; /* owns; NULL in it: left meanwhile */
};

/* Begins with an update. */
void walk_begin(struct index *, const struct update *, walk_hit *, void *context);
/* Calls `hit` for each subscription that the topics meet; a stream may come more than once. `hit`
 * must not add or remove subscriptions. Takes what it needs off *steps, is to be called until it
 * says that all is done, and may be called in a later turn: subscriptions that were removed
 * meanwhile do not come, those that were added meanwhile may. */
MUST_CHECK bool walk_go_on(struct index *, uint64_t *steps);

/* One subscription alone with one topic, for replay. */
enum match walk_try(struct index *, const struct subscription *, const struct topic *,
                    uint64_t *steps);

/* Something leaves the index while a walk is, perhaps, under way. */
void walk_forget_subscription(struct walk *, const struct subscription *);
void walk_forget_pattern(struct walk *, const struct pattern_entry *);
void walk_forget_base(struct index *, const struct pattern_base *);

#endif
