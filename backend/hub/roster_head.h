#ifndef HUB_ROSTER_HEAD_H
#define HUB_ROSTER_HEAD_H

/* Heads of lists of active subscriptions, and of single ones (PROTOCOL.md, "Active
 * subscriptions"). */

#include "base/buf.h"
#include "hub/roster_text.h"
#include "request/exchange.h"

struct roster_head {
    struct reply reply; /* 200; body and rest are the caller's */
    struct buf etag, link;
};

void roster_head_begin(struct roster_head *, struct exchange *, const struct roster_title *);
/* Another page follows. */
void roster_head_add_next(struct roster_head *, const struct roster_title *,
                          const struct roster_query *, struct position after);
/* Sends it; `total` NULL: it is no list. False: there was no memory, and that is answered. */
bool roster_head_send(struct roster_head *, struct exchange *, const struct roster_title *,
                      const size_t *total);
/* Has the client the document as of this cursor? Then it hears so (304). */
bool roster_head_answer_known(struct exchange *, const struct roster_title *);
/* 503. */
void roster_head_refuse_memory(struct exchange *);

#endif
