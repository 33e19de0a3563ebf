#ifndef MOD_ALIPES_POLLER_H
#define MOD_ALIPES_POLLER_H

/* The threads of a child that have all streams: a few, each with streams, links and an epoll of its
 * own. Workers post to them; nothing else crosses. */

#include "mod_alipes/stream.h"

#include <stdint.h>

bool pollers_start(unsigned count); /* in a child; false: a thread or descriptor cannot be had */
/* Any thread: all streams end, evenly until that long from now, and no more are taken. Asked again,
 * the earlier moment counts. */
void pollers_drain(uint64_t within_ms);
void pollers_join(void); /* once nothing is posted any more: waits for the last stream's end */

/* A worker: gives a new stream to a poller, which takes it. NULL: no memory. */
struct arrival *pollers_post(const struct hub *, struct stream *);
/* The same worker: what came of it. The arrival is the poller's again. */
void pollers_give_back(struct arrival *, enum intent);

#endif
