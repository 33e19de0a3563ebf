#ifndef HUB_RIGHTS_MEMO_H
#define HUB_RIGHTS_MEMO_H

/* Who may get the private update that is being matched: each grant is asked once, however many
 * streams have it. One thread. */

#include "auth/grant.h"
#include "topic/match.h"
#include "transport/update.h"

struct rights_memo_slot;

/* How far a grant was asked about an update: that may take more than one turn. All 0: not yet. */
struct judging {
    uint32_t topic; /* the next */
    uint64_t left;  /* of the steps that the grant has for this update */
};

struct rights_memo {
    struct rights_memo_slot *slots; /* owns */
    size_t cap, count;
    uint64_t stamp; /* slots with another one are free */
    struct judging judging;
    const struct rights *asked; /* whose `judging` is; NULL: nobody's */
};

void rights_memo_init(struct rights_memo *);
void rights_memo_fini(struct rights_memo *);
void rights_memo_next(struct rights_memo *); /* another update from here */
/* May a stream with this grant (NULL: none) get it? Takes what it needs off *steps. MATCH_LIMIT:
 * they are spent; ask again. */
MUST_CHECK enum match rights_memo_may_get(struct rights_memo *, const struct grant *,
                                          const struct update *, uint64_t *steps);

/* The same, without a memory but how far it came. */
MUST_CHECK enum match rights_memo_ask(const struct grant *, const struct update *, struct judging *,
                                      uint64_t *steps);

#endif
