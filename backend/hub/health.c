/* health - is the hub ready? It is when the transport would take a publish now.
 *
 * The probe goes the way of a publish to whoever commits, so a store that hangs or fails is seen.
 * While the answer is on its way the client may leave: the state lives until the answer. */

#include "hub/health.h"

#include "base/alloc.h"
#include "hub/home.h"
#include "request/reply.h"

#include <stdlib.h>

struct health {
    struct transport_probe probe;
    struct exchange *exchange; /* NULL: whoever asked has left */
};

static void
answer(struct exchange *ex, bool ok, struct slice text)
{
    struct reply r;
    reply_begin(ex, &r, ok ? 200 : 503);
    reply_add(&r, SLICE("Content-Type"), SLICE("text/plain; charset=utf-8"));
    if (ok)
        reply_add(&r, SLICE("Cache-Control"), SLICE("no-store"));
    r.body = text;
    exchange_reply(ex, &r);
}

static void
on_probed(struct worker *worker, struct message *m)
{
    (void)worker;
    struct health *h = CONTAINER_OF(m, struct health, probe.message);
    if (h->exchange) {
        h->exchange->state = NULL;
        answer(h->exchange, h->probe.ok,
               h->probe.ok ? SLICE("ok\n") : SLICE("the history cannot be written\n"));
    }
    free(h);
}

static void
on_head(struct exchange *ex)
{
    struct hub *hub = hub_worker_of(ex->worker)->hub;
    if (atomic_load(&hub->stopping)) {
        answer(ex, false, SLICE("stopping\n"));
        return;
    }
    struct health *h = xalloc(sizeof *h);
    h->exchange = ex;
    h->probe =
        (struct transport_probe){.message.receive = on_probed, .origin = ex->worker, .ok = false};
    ex->state = h;
    exchange_wait(ex);
    transport_probe(hub->transport, &h->probe);
}

static void
on_gone(struct exchange *ex)
{
    struct health *h = ex->state;
    if (h)
        h->exchange = NULL;
}

const struct exchange_handler health_handler = {
    .on_head = on_head,
    .on_gone = on_gone,
};
