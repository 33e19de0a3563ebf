#ifndef HUB_ROSTER_PAGE_H
#define HUB_ROSTER_PAGE_H

/* What one list of active subscriptions holds: references to them, taken step by step and given
 * back step by step. The worker's thread. */

#include "base/buf.h"
#include "base/list.h"
#include "hub/roster_query.h"
#include "transport/registry.h"

struct roster_page {
    const struct roster_query *query; /* borrowed until all is collected */
    bool keeps;                       /* else it counts alone (HEAD) */
    struct registry_walk walk;
    bool is_open; /* begun, and not dropped */
    bool failed;  /* no memory */

    struct list chunks; /* owns; in order */
    size_t held;        /* bytes of them */
    bool has_begun;     /* some of it is written */

    /* Once all is collected. */
    size_t total;         /* of the list, whatever the page */
    size_t count, length; /* on the page, and the bytes that they will be, commas included */
    bool has_more;        /* behind the page */
    struct position last; /* begin of the last one on it */
};

enum roster_progress {
    ROSTER_GOES_ON,
    ROSTER_DONE,
};

/* Empty `collection`: all. *ret_id: the update that the list is as of. The page stays where it is.
 */
void roster_page_begin(struct roster_page *, struct registry *, enum dialect,
                       struct slice collection, const struct roster_query *, bool keeps,
                       struct buf *ret_id);
/* A step of some 20 us. */
enum roster_progress roster_page_collect(struct roster_page *);
/* Writes on, until `out` holds `enough`, and gives back what is written. */
enum roster_progress roster_page_write(struct roster_page *, struct buf *out, size_t enough);
/* A step of giving back all that is left, in whatever state. */
enum roster_progress roster_page_drop(struct roster_page *);

#endif
