/* catch_up_queue - streams that catch up share one budget a turn, and go on by turns.
 *
 * Who is where: a node is among `ready` while its stream can go on, among `hungry` while it waits
 * for a read to be free, and in neither while its socket is full or its read is under way. */

#include "hub/catch_up_queue.h"

#include "base/alloc.h"

#include <stdlib.h>

enum {
    TURN_BYTES = 256 * 1024, /* what all of them may send in a turn (about 1 ms) */
    TURN_STINTS = 256,
    MAX_READS = 64, /* a worker */
};

struct catch_up_queue {
    struct worker *worker;
    size_t (*stint)(struct list *node);
    struct list ready, hungry;
    unsigned reads; /* taken */
    struct turn_hook hook;

    /* What was taken of this turn. */
    uint64_t turn;
    unsigned stints;
    size_t cost;
};

static void on_end_of_turn(struct turn_hook *);

struct catch_up_queue *
catch_up_queue_new(struct worker *worker, size_t (*stint)(struct list *node))
{
    struct catch_up_queue *q = xalloc(sizeof *q);
    q->worker = worker;
    q->stint = stint;
    list_init(&q->ready);
    list_init(&q->hungry);
    q->hook.run = on_end_of_turn;
    worker_add_hook(worker, &q->hook);
    return q;
}

void
catch_up_queue_free(struct catch_up_queue **ref)
{
    free(*ref);
    *ref = NULL;
}

void
catch_up_queue_add(struct catch_up_queue *q, struct list *node)
{
    list_unlink(node);
    list_append(&q->ready, node);
    worker_again(q->worker);
}

bool
catch_up_queue_take_read(struct catch_up_queue *q)
{
    if (q->reads == MAX_READS)
        return false;
    q->reads++;
    return true;
}

void
catch_up_queue_give_read(struct catch_up_queue *q)
{
    q->reads--;
}

void
catch_up_queue_starve(struct catch_up_queue *q, struct list *node)
{
    list_unlink(node);
    list_append(&q->hungry, node);
}

/* As many of those that wait for a read as there are reads free. Whoever then does not need one
 * after all leaves it to the next turn's. */
static void
feed_hungry(struct catch_up_queue *q)
{
    struct list *node;
    for (unsigned free = MAX_READS - q->reads; free && (node = list_shift(&q->hungry)) != NULL;
         free--)
        list_append(&q->ready, node);
}

/* The first goes to the end, and makes its stint: round robin. */
static void
stint_of_next(struct catch_up_queue *q)
{
    struct list *node = list_shift(&q->ready);
    list_append(&q->ready, node);
    q->stints++;
    q->cost += q->stint(node);
}

static void
on_end_of_turn(struct turn_hook *hook)
{
    struct catch_up_queue *q = CONTAINER_OF(hook, struct catch_up_queue, hook);
    if (worker_is_new_turn(q->worker, &q->turn))
        q->stints = q->cost = 0;
    feed_hungry(q);
    while (!list_is_empty(&q->ready) && q->stints < TURN_STINTS && q->cost < TURN_BYTES)
        stint_of_next(q);
    if (!list_is_empty(&q->ready) || (!list_is_empty(&q->hungry) && q->reads < MAX_READS))
        worker_again(q->worker);
}
