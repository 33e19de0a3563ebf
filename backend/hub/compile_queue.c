/* compile_queue - compiling in more than one turn.
 *
 * The worst 4 KiB of a URL Pattern take some 2 ms to compile, and a subscription may bring a
 * hundred; a thousand exact topics take nearly a millisecond, and many may bring them at once. So a
 * turn has a budget of bytes that are new to the index. Who needs more waits in a
 * queue: each turn compiles on for the first in it, and the index holds what is ready. Then the
 * handler begins once more, finds everything interned, and is as quick as any other.
 *
 *     compilation   made by compile_queue_may_begin(), owned by the queue; freed when the handler
 * has begun again, or the peer has left
 *
 * What is wrong with a pattern is not said here: the handler meets it again, and says it. */

#include "hub/compile_queue.h"

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

struct compile_queue {
    struct hub_worker *home;
    struct list waiting; /* of struct compilation, first come first */
    size_t budget;       /* what may still be compiled in this turn, in bytes of URL Patterns */
    uint64_t turn;
    struct turn_hook hook;
};

struct compilation {
    struct hold hold;
    struct index *index;
    const struct selector *selectors; /* in the exchange's arena: gone once it has begun again */
    size_t count, next;
    size_t held_count;
    struct entry *held[];
};

static void on_end_of_turn(struct turn_hook *);

struct compile_queue *
compile_queue_new(struct hub_worker *home)
{
    struct compile_queue *q = xalloc(sizeof *q);
    q->home = home;
    q->budget = TURN_BYTES;
    list_init(&q->waiting);
    q->hook.run = on_end_of_turn;
    worker_add_hook(home->worker, &q->hook);
    return q;
}

void
compile_queue_free(struct compile_queue **ref)
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
spend(struct compile_queue *q, size_t cost)
{
    q->budget = q->budget > cost ? q->budget - cost : 0;
}

static void
drop(struct hold *h)
{
    struct compilation *c = CONTAINER_OF(h, struct compilation, hold);
    while (c->held_count)
        index_let_go(c->index, c->held[--c->held_count]);
    free(c);
}

bool
compile_queue_may_begin(struct exchange *ex, const struct subscribe_form *query,
                        void (*again)(struct exchange *))
{
    struct hub_worker *home = hub_worker_of(ex->worker);
    struct compile_queue *q = home->compiling;
    size_t cost = query->count > FEW ? query->count * MATCHER_COST : 0;
    for (size_t i = 0; i < query->count; i++)
        cost += cost_of(&home->index, &query->selectors[i]);
    if (cost == 0 || (cost <= q->budget && list_is_empty(&q->waiting)) || hold_resumed(ex, drop)) {
        spend(q, cost); /* what failed to be held may cost once more; nothing else does */
        return true;
    }
    struct compilation *c = xalloc(sizeof *c + query->count * sizeof c->held[0]);
    c->index = &home->index;
    c->selectors = query->selectors;
    c->count = query->count;
    hold_begin(&c->hold, &q->waiting, ex, again, drop);
    worker_again(home->worker);
    return false;
}

/* Compiles on. True: there is nothing left to do for it. */
static bool
go_on(struct compile_queue *q, struct compilation *c)
{
    for (; c->next < c->count; c->next++) {
        const struct selector *s = &c->selectors[c->next];
        struct entry *held;
        if (!index_is_pattern(s))
            continue;
        if (q->budget == 0)
            return false;
        spend(q, cost_of(c->index, s));
        if (index_hold(c->index, s, &held) != INDEX_ADDED)
            return true;
        if (held)
            c->held[c->held_count++] = held;
    }
    return true;
}

static void
on_end_of_turn(struct turn_hook *hook)
{
    struct compile_queue *q = CONTAINER_OF(hook, struct compile_queue, hook);
    if (worker_is_new_turn(q->home->worker, &q->turn))
        q->budget = TURN_BYTES;
    while (!list_is_empty(&q->waiting) && q->budget) {
        struct compilation *c = CONTAINER_OF(q->waiting.next, struct compilation, hold.node);
        if (!go_on(q, c))
            break;
        hold_resume(&c->hold);
    }
    if (!list_is_empty(&q->waiting))
        worker_again(q->home->worker);
}

void
compile_queue_stop(struct compile_queue *q)
{
    hold_stop_all(&q->waiting);
}
