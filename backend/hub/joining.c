/* joining - compiling in more than one turn.
 *
 * The worst 4 KiB of a URL Pattern take some 2 ms to compile, and a subscription may bring a
 * hundred; a thousand exact topics take nearly a millisecond, and many may bring them at once. So a
 * turn has a budget of bytes that are new to the index. Who needs more waits in a
 * queue: each turn compiles on for the first in it, and the index holds what is ready. Then the
 * handler begins once more, finds everything interned, and is as quick as any other.
 *
 *     joining   made by joining_may_begin(), owned by the queue; freed when the handler has begun
 *               again, or the peer has left
 *
 * What is wrong with a pattern is not said here: the handler meets it again, and says it. */

#include "hub/joining.h"

#include "base/alloc.h"
#include "hub/hold.h"
#include "hub/home.h"

#include <stdlib.h>

enum {
    TURN_BYTES = 4000, /* one that is longer has a turn for itself */
    FEW = 16,          /* matchers; more of them cost also where nothing is new */
    MATCHER_COST = 4,
    TEMPLATE_SHARE = 64, /* so many bytes of a template take as long as one of a URL Pattern */
};

struct joining_queue {
    struct hub_worker *home;
    struct list waiting; /* of struct joining, first come first */
    size_t budget;       /* what may still be compiled in this turn, in bytes of URL Patterns */
    uint64_t turn;
    struct turn_hook hook;
};

struct joining {
    struct hold hold;
    struct index *index;
    const struct selector *selectors; /* in the exchange's arena: gone once it has begun again */
    size_t count, next;
    size_t held_count;
    struct entry *held[];
};

static void on_end_of_turn(struct turn_hook *);

struct joining_queue *
joining_new(struct hub_worker *home)
{
    struct joining_queue *q = xalloc(sizeof *q);
    q->home = home;
    q->budget = TURN_BYTES;
    list_init(&q->waiting);
    q->hook.run = on_end_of_turn;
    worker_add_hook(home->worker, &q->hook);
    return q;
}

void
joining_free(struct joining_queue **ref)
{
    free(*ref);
    *ref = NULL;
}

static size_t
cost_of(const struct index *ix, const struct selector *s)
{
    if (!index_is_pattern(s) || index_knows(ix, s))
        return 0;
    return 1 + (s->type == MATCHER_URLPATTERN ? s->text.len : s->text.len / TEMPLATE_SHARE);
}

static void
spend(struct joining_queue *q, size_t cost)
{
    q->budget = q->budget > cost ? q->budget - cost : 0;
}

static void
drop(struct hold *h)
{
    struct joining *j = CONTAINER_OF(h, struct joining, hold);
    while (j->held_count)
        index_let_go(j->index, j->held[--j->held_count]);
    free(j);
}

bool
joining_may_begin(struct exchange *ex, const struct query *query, void (*again)(struct exchange *))
{
    struct hub_worker *home = hub_worker_of(ex->worker);
    struct joining_queue *q = home->joining;
    size_t cost = query->count > FEW ? query->count * MATCHER_COST : 0;
    for (size_t i = 0; i < query->count; i++)
        cost += cost_of(&home->index, &query->selectors[i]);
    if (cost == 0 || (cost <= q->budget && list_is_empty(&q->waiting)) || hold_resumed(ex, drop)) {
        spend(q, cost); /* what failed to be held may cost once more; nothing else does */
        return true;
    }
    struct joining *j = xalloc(sizeof *j + query->count * sizeof j->held[0]);
    j->index = &home->index;
    j->selectors = query->selectors;
    j->count = query->count;
    hold_begin(&j->hold, &q->waiting, ex, again, drop);
    worker_again(home->worker);
    return false;
}

/* Compiles on. True: there is nothing left to do for it. */
static bool
go_on(struct joining_queue *q, struct joining *j)
{
    for (; j->next < j->count; j->next++) {
        const struct selector *s = &j->selectors[j->next];
        struct entry *held;
        if (!index_is_pattern(s))
            continue;
        if (q->budget == 0)
            return false;
        spend(q, cost_of(j->index, s));
        if (index_hold(j->index, s, &held) != INDEX_ADDED)
            return true;
        if (held)
            j->held[j->held_count++] = held;
    }
    return true;
}

static void
on_end_of_turn(struct turn_hook *hook)
{
    struct joining_queue *q = CONTAINER_OF(hook, struct joining_queue, hook);
    if (worker_is_new_turn(q->home->worker, &q->turn))
        q->budget = TURN_BYTES;
    while (!list_is_empty(&q->waiting) && q->budget) {
        struct joining *j = CONTAINER_OF(q->waiting.next, struct joining, hold.node);
        if (!go_on(q, j))
            break;
        hold_resume(&j->hold);
    }
    if (!list_is_empty(&q->waiting))
        worker_again(q->home->worker);
}

void
joining_stop(struct joining_queue *q)
{
    hold_stop_all(&q->waiting);
}
