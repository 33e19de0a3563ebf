#ifndef TRANSPORT_ACTIVE_UPDATE_H
#define TRANSPORT_ACTIVE_UPDATE_H

/* The updates that tell of active subscriptions (PROTOCOL.md, "Active subscriptions"). */

#include "transport/update.h"

/* The update that says that it begins, or ends: private, of its one topic. NULL: no memory. Caller
 * owns one reference; it holds one to the active subscription. */
MUST_CHECK struct update *active_update(struct active *, bool is_end, struct slice update_id);
/* From the begin that was read back from a history. NULL: it is none. */
MUST_CHECK struct active *active_update_read(const struct update *begin);

#endif
