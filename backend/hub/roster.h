#ifndef HUB_ROSTER_H
#define HUB_ROSTER_H

/* Who is there: the documents below H/subscriptions (PROTOCOL.md, "Active subscriptions"). */

#include "request/exchange.h"

struct hub_worker;
struct roster_desk; /* all lists that a worker is at; home->rosters */

extern const struct exchange_handler roster_handler; /* GET, HEAD */

struct roster_desk *roster_desk_new(struct hub_worker *);
void roster_desk_free(struct roster_desk **); /* when the worker has ended */

#endif
