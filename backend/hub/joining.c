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
#include "hub/admit.h"
#include "hub/hub.h"

#include <stdlib.h>

enum {
    TURN_BYTES = 4000, /* one that is longer has a turn for itself */
    FEW = 16,          /* matchers; more of them cost also where nothing is new */
    MATCHER_COST = 4,
    TEMPLATE_SHARE = 64, /* so many bytes of a template take as long as one of a URL Pattern */
};

struct joining {
    struct list node;
    struct hub_worker *home;
    struct exchange *exchange;
    const struct exchange_handler *handler; /* to which the exchange goes back */
    void *state;                            /* of that handler */
    void (*again)(struct exchange *);
    const struct selector *selectors; /* in the exchange's arena: gone once it has begun again */
    size_t count, next;
    size_t held_count;
    struct entry *held[];
};

static void on_end_of_turn(struct turn_hook *);

void
joining_init(struct joining_queue *q, struct worker *worker)
{
    *q = (struct joining_queue){.budget = TURN_BYTES, .hook.run = on_end_of_turn};
    list_init(&q->waiting);
    worker_add_hook(worker, &q->hook);
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
joining_free(struct joining *j)
{
    while (j->held_count)
        index_let_go(&j->home->index, j->held[--j->held_count]);
    list_unlink(&j->node);
    free(j);
}

static void
give_back(struct joining *j)
{
    j->exchange->handler = j->handler;
    j->exchange->state = j->state;
}

static void
on_gone(struct exchange *ex)
{
    struct joining *j = ex->state;
    give_back(j);
    joining_free(j);
    ex->handler->on_gone(ex);
}

static const struct exchange_handler joining_handler = {.on_gone = on_gone};

bool
joining_may_begin(struct exchange *ex, const struct query *query, void (*again)(struct exchange *))
{
    struct hub_worker *home = hub_worker_of(ex->worker);
    struct joining_queue *q = &home->joining;
    size_t cost = query->count > FEW ? query->count * MATCHER_COST : 0;
    for (size_t i = 0; i < query->count; i++)
        cost += cost_of(&home->index, &query->selectors[i]);
    if (q->is_again || cost == 0 || (cost <= q->budget && list_is_empty(&q->waiting))) {
        spend(q, cost);
        return true;
    }
    struct joining *j = xalloc(sizeof *j + query->count * sizeof j->held[0]);
    j->home = home;
    j->exchange = ex;
    j->handler = ex->handler;
    j->state = ex->state;
    j->again = again;
    j->selectors = query->selectors;
    j->count = query->count;
    list_append(&q->waiting, &j->node);
    ex->handler = &joining_handler;
    ex->state = j;
    exchange_wait(ex);
    worker_again(home->worker);
    return false;
}

/* Compiles on. True: there is nothing left to do for it. */
static bool
go_on(struct joining *j)
{
    struct joining_queue *q = &j->home->joining;
    while (j->next < j->count) {
        const struct selector *s = &j->selectors[j->next];
        if (index_is_pattern(s)) {
            if (q->budget == 0)
                return false;
            spend(q, cost_of(&j->home->index, s));
            struct entry *held;
            if (index_hold(&j->home->index, s, &held) != INDEX_ADDED)
                return true;
            if (held)
                j->held[j->held_count++] = held;
        }
        j->next++;
    }
    return true;
}

static void
on_end_of_turn(struct turn_hook *hook)
{
    struct joining_queue *q = CONTAINER_OF(hook, struct joining_queue, hook);
    struct hub_worker *home = CONTAINER_OF(q, struct hub_worker, joining);
    if (worker_is_new_turn(home->worker, &q->turn))
        q->budget = TURN_BYTES;
    while (!list_is_empty(&q->waiting) && q->budget) {
        struct joining *j = CONTAINER_OF(q->waiting.next, struct joining, node);
        if (!go_on(j))
            break;
        struct exchange *ex = j->exchange;
        give_back(j);
        /* What failed to be held may cost once more; nothing else does. */
        list_unlink(&j->node);
        q->is_again = true;
        if (admit_renew(ex))
            j->again(ex);
        q->is_again = false;
        joining_free(j);
    }
    if (!list_is_empty(&q->waiting))
        worker_again(home->worker);
}

void
joining_end(struct joining_queue *q)
{
    LIST_EACH(node, after, &q->waiting)
    {
        struct joining *j = CONTAINER_OF(node, struct joining, node);
        struct exchange *ex = j->exchange;
        give_back(j);
        joining_free(j);
        admit_busy(ex, "stopping", SLICE("The hub is stopping.\n"));
    }
}
