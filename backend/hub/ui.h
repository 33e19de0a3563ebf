#ifndef HUB_UI_H
#define HUB_UI_H

/* The page at H/ui/ (directive ui), for people: PROTOCOL.md, "The page". */

#include "request/exchange.h"

/* Is it H/ui or below it? */
bool ui_path_is(struct slice hub, struct slice path);
/* Is it H/ui/metrics? */
bool ui_path_is_metrics(struct slice hub, struct slice path);

extern const struct exchange_handler ui_handler;         /* GET, HEAD: its files */
extern const struct exchange_handler ui_metrics_handler; /* GET, HEAD: as ui_metrics allows */

#endif
