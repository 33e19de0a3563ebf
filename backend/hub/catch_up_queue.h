#ifndef HUB_CATCH_UP_QUEUE_H
#define HUB_CATCH_UP_QUEUE_H

/* Whose turn it is among the streams that catch up; or, in a queue of their own, among lists
 * (hub/roster.h). The worker's thread. */

#include "base/list.h"
#include "loop/worker.h"

struct catch_up_queue;

/* `step` lets the stream of a node go on for a little, and returns what that cost in bytes. Caller
 * owns. */
struct catch_up_queue *catch_up_queue_new(struct worker *, size_t (*step)(struct list *node));
void catch_up_queue_free(struct catch_up_queue **);

/* It can go on: step after step, until it leaves by list_unlink(). */
void catch_up_queue_add(struct catch_up_queue *, struct list *node);
/* May a stream read the history? So many may at a time: each read under way, and each piece that is
 * held, is one, until it is given back. */
bool catch_up_queue_take_read(struct catch_up_queue *);
void catch_up_queue_give_read(struct catch_up_queue *);
/* It cannot go on until there is a read for it. */
void catch_up_queue_starve(struct catch_up_queue *, struct list *node);

#endif
