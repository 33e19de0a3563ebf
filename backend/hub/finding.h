#ifndef HUB_FINDING_H
#define HUB_FINDING_H

/* How the streams of one worker met one update that is traced: how many, and the first of them by
 * their numbers. One thread. */

#include "auth/grant.h"
#include "base/buf.h"
#include "hub/trace.h"
#include "request/exchange.h"

enum {
    FINDING_NAMED = 8 /* streams of each meeting that have a line of their own */
};

struct finding {
    unsigned met[TRACE_MEETINGS];
    struct buf lines;
};

void finding_init(struct finding *);
void finding_fini(struct finding *);
void finding_clear(struct finding *);
/* A stream: its exchange, and its grant (NULL: anonymous). */
void finding_add(struct finding *, const struct exchange *, const struct grant *,
                 enum trace_meeting);

#endif
