#ifndef HUB_JUDGED_H
#define HUB_JUDGED_H

/* Who may get the private update that is being matched: each grant is asked once, however many
 * streams have it. One thread. */

#include "auth/grant.h"
#include "transport/update.h"

struct judged_slot;

struct judged {
    struct judged_slot *slots; /* owns */
    size_t cap, count;
    uint64_t stamp; /* slots with another one are free */
};

void judged_init(struct judged *);
void judged_fini(struct judged *);
void judged_next(struct judged *); /* another update from here */
/* May a stream with this grant (NULL: none) get it? */
bool judged_may_get(struct judged *, const struct grant *, const struct update *);

/* The same, without a memory. */
bool grant_may_get(const struct grant *, const struct update *);

#endif
