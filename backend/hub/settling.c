/* settling - a question to the transport, for an exchange that waits for nothing but the answer.
 *
 *     settling   made by settling_waits(); freed when the answer has come and the exchange has
 * begun again, or has left before: the transport has it until then */

#include "hub/settling.h"

#include "base/alloc.h"
#include "hub/busy.h"
#include "hub/hold.h"

#include <stdlib.h>

struct settling {
    struct transport_settle settle;
    struct hold hold;
    bool is_answered, is_dropped;
};

static void
drop(struct hold *h)
{
    struct settling *s = CONTAINER_OF(h, struct settling, hold);
    s->is_dropped = true;
    if (s->is_answered)
        free(s);
}

static void
on_settled(struct worker *worker, struct message *m)
{
    struct settling *s = CONTAINER_OF(m, struct settling, settle.message);
    (void)worker;
    s->is_answered = true;
    if (s->is_dropped)
        free(s);
    else
        hold_resume(&s->hold);
}

static bool
refuses(struct exchange *ex, const struct settling *s)
{
    if (s->settle.failed)
        busy_answer(ex, "history", SLICE("It is not known yet who is there.\n"));
    return s->settle.failed;
}

bool
settling_waits(struct exchange *ex)
{
    struct hub_worker *home = hub_worker_of(ex->worker);
    const struct hold *settled = hold_resumed(ex, drop);
    if (settled)
        return refuses(ex, CONTAINER_OF(settled, const struct settling, hold));
    struct settling *s = xalloc(sizeof *s);
    s->settle = (struct transport_settle){.message.receive = on_settled, .origin = ex->worker};
    if (!transport_settle(home->hub->transport, &s->settle)) {
        free(s);
        return false;
    }
    hold_begin(&s->hold, &home->settling, ex, ex->handler->on_head, drop);
    return true;
}

void
settling_stop(struct hub_worker *home)
{
    hold_stop_all(&home->settling);
}
