#ifndef HUB_CATCH_UP_H
#define HUB_CATCH_UP_H

/* From CATCHING_UP to LIVE, and back (DESIGN.md, section 1). The worker's thread. */

#include "hub/stream.h"

/* For the queue (hub/catch_up_queue.h): one stint of one stream. Returns what it cost, in bytes. */
size_t catch_up_stint(struct list *catch_node);
/* LIVE: what was due could not all be sent; `first` is the first update of `batch` not begun. */
void catch_up_fall_back(struct stream *, const struct batch *, uint32_t first);
void catch_up_writable(struct stream *); /* the exchange's on_writable */
/* Goes on behind that position, which it was sent; it may have been sent more. */
void catch_up_resume(struct stream *, struct position after);

#endif
