#ifndef REQUEST_ETAG_H
#define REQUEST_ETAG_H

/* Entity tags that name an update (RFC 9110, sections 8.8.3 and 13.1.2; PROTOCOL.md, "Active
 * subscriptions"). Pure functions on bytes. */

#include "base/buf.h"

/* "id", quotes included; in it, what no tag may hold (bytes up to 0x20, `"`, DEL) and `%` are
 * percent-encoded, so two ids never have one tag. */
void etag_add(struct buf *, struct slice id);
/* Is it in the list of an If-None-Match? `bare`: an id that counts as it is, without quotes (ptr
 * NULL: none does). */
bool etag_is_listed(struct slice list, struct slice tag, struct slice bare);

#endif
