/* hold - one mechanism for all that a request may have to wait for.
 *
 * What one gets wrong: while it waits, the exchange belongs to the handler below. The handler that
 * asked is not called, and its state is put aside.
 *
 *     hold   made by whoever lets the exchange wait, who finds what else it needs around it;
 * dropped by hold_resume(), after the handler has begun again, by a stop, or when the peer left */

#include "hub/hold.h"

#include "hub/busy.h"
#include "hub/home.h"

static struct exchange *
give_back(struct hold *h)
{
    struct exchange *ex = h->exchange;
    list_unlink(&h->node);
    ex->handler = h->handler;
    ex->state = h->state;
    return ex;
}

static void
on_gone(struct exchange *ex)
{
    struct hold *h = ex->state;
    give_back(h);
    h->drop(h);
    if (ex->handler->on_gone)
        ex->handler->on_gone(ex);
}

static const struct exchange_handler waiting_handler = {.on_gone = on_gone};

void
hold_begin(struct hold *h, struct list *waiting, struct exchange *ex,
           void (*again)(struct exchange *), void (*drop)(struct hold *))
{
    h->exchange = ex;
    h->handler = ex->handler;
    h->state = ex->state;
    h->again = again;
    h->drop = drop;
    list_append(waiting, &h->node);
    ex->handler = &waiting_handler;
    ex->state = h;
    exchange_wait(ex);
}

void
hold_resume(struct hold *h)
{
    struct exchange *ex = give_back(h);
    struct hub_worker *home = hub_worker_of(ex->worker);
    home->resuming = h;
    if (hub_renew(ex))
        h->again(ex);
    home->resuming = NULL;
    h->drop(h);
}

void
hold_stop_all(struct list *waiting)
{
    LIST_EACH(node, after, waiting)
    {
        struct hold *h = CONTAINER_OF(node, struct hold, node);
        struct exchange *ex = give_back(h);
        h->drop(h);
        busy_stopping(ex);
    }
}

const struct hold *
hold_resumed(const struct exchange *ex, void (*drop)(struct hold *))
{
    const struct hold *h = hub_worker_of(ex->worker)->resuming;
    return h && h->exchange == ex && h->drop == drop ? h : NULL;
}
