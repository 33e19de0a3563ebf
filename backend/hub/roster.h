#ifndef HUB_ROSTER_H
#define HUB_ROSTER_H

/* Who is there: the documents below H/subscriptions (PROTOCOL.md, "Active subscriptions"). */

#include "base/list.h"
#include "request/exchange.h"

struct hub_worker;

extern const struct exchange_handler roster_handler; /* GET, HEAD */

/* A step of a long list, for the queue home->listing; returns what it cost in bytes. */
size_t roster_step(struct list *node);
/* The worker has ended: frees what nobody waits for any more. */
void roster_free_all(struct hub_worker *);

#endif
