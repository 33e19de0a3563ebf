#ifndef HUB_RESERVED_H
#define HUB_RESERVED_H

/* Topics that belong to the hub: those under its own path (PROTOCOL.md, "Publish"). */

#include "base/dialect.h"
#include "topic/url.h"

/* `hub` is the hub's own URL; each dialect has a rule of its own. Takes memory of
 * its own while it runs; where that is not to be had the answer is true. */
bool reserved_holds(const struct url *hub, enum dialect, struct slice topic);

/* False: reserved_holds() would be false, whatever the host and scheme of the hub; told without
 * parsing.
 * `path` is the hub's, as configured. */
bool reserved_is_possible(struct slice path, struct slice topic);

#endif
