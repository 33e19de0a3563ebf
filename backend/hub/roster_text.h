#ifndef HUB_ROSTER_TEXT_H
#define HUB_ROSTER_TEXT_H

/* What lists of active subscriptions, and single ones, look like in either dialect (PROTOCOL.md,
 * "Active subscriptions"). */

#include "base/buf.h"
#include "base/dialect.h"
#include "hub/roster_query.h"

/* What every document says of itself. */
struct roster_title {
    enum dialect dialect;
    struct slice path;   /* raw, of the request */
    struct slice cursor; /* id of the update that it is as of, or `earliest` */
};

struct slice roster_text_type(enum dialect); /* Content-Type */

/* A list, around its entries and the commas between them. */
void roster_text_open(struct buf *, const struct roster_title *);
#define ROSTER_TEXT_CLOSE SLICE("]}")

/* A document of its own, of an entry as lists have it. */
void roster_text_item(struct buf *, const struct roster_title *, struct slice json);

/* The value of Link (RFC 8288); empty: there is none. */
void roster_text_link(struct buf *, const struct roster_title *, struct slice hub);
/* The page behind, in the same value. */
void roster_text_link_next(struct buf *, const struct roster_title *, const struct roster_query *,
                           struct position after);

#endif
