#ifndef HUB_ROSTER_PATH_H
#define HUB_ROSTER_PATH_H

/* Which list of active subscriptions, or which one of them, a path asks for (PROTOCOL.md,
 * "Routes"). A pure function on bytes. */

#include "base/arena.h"
#include "base/dialect.h"

enum roster_kind {
    ROSTER_NOWHERE,      /* 404 */
    ROSTER_UNKNOWN_TYPE, /* 400: it stands where the type of a matcher must */
    ROSTER_NO_ROOM,      /* the arena is full */
    ROSTER_ALL,          /* H/subscriptions */
    ROSTER_COLLECTION,   /* one matcher's */
    ROSTER_ITEM,         /* one subscription */
};

struct roster_path {
    enum roster_kind kind;
    enum dialect dialect; /* COLLECTION, ITEM: that of its form */
    struct slice id;      /* COLLECTION, ITEM: the path as the hub writes it; in the arena */
};

/* `path` begins with H/subscriptions, and each % in it is followed by two hex digits. `speaks`:
 * the dialects that are on. */
struct roster_path roster_path_read(struct arena *, struct slice hub, struct slice path,
                                    const bool speaks[DIALECTS]);
/* Is it one of these paths at all, right or wrong? */
bool roster_path_is(struct slice hub, struct slice path);

#endif
