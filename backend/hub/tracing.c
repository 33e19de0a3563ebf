/* tracing - GET /trace?topic=T where the metrics are: what happens to the updates of a topic, live,
 * as long as the asker stays.
 *
 * An event stream like any other to the wire, so a full socket, a peer that left and a stop are
 * known already. What is found while the socket is full waits in the watch, so much of it; what is
 * past that is counted, and told.
 *
 * Lines tell topics, ids and what tokens grant, never data. That is more than counters, so it is
 * for whom hub/operator.h says. */

#include "hub/tracing.h"

#include "base/alloc.h"
#include "hub/home.h"
#include "hub/operator.h"
#include "hub/watch.h"
#include "metrics/metrics.h"
#include "request/form.h"
#include "request/reply.h"
#include "transport/update.h"

#include <stdlib.h>

struct tracing {
    struct exchange *exchange;
    struct hub *hub;
    struct watch *watch; /* owns */
    struct buf text;     /* owns; of the watch, and not begun to be sent */
    struct list node;    /* in home->tracings */
    bool is_ending;
};

static void
end(struct tracing *t, struct slice last)
{
    t->is_ending = true;
    exchange_end(t->exchange, last);
}

/* A socket that is full takes it later. */
static void
send(struct tracing *t)
{
    struct update *u = update_restore(&(struct update_formatted){.event = buf_slice(&t->text)});
    if (u == NULL)
        end(t, SLICE("data: event=ended msg=\"no memory\"\n\n"));
    else if (exchange_send(t->exchange, &u, 1))
        buf_fini(&t->text);
    update_unref(&u);
}

static bool
can_send(const struct tracing *t)
{
    return !t->is_ending && exchange_is_flushed(t->exchange);
}

/* What was left, and then what came meanwhile: of that no further letter may tell. */
static void
go_on(void *owner)
{
    struct tracing *t = owner;
    if (t->text.len && can_send(t))
        send(t);
    if (t->text.len || !can_send(t))
        return;
    watch_take(t->watch, &t->text);
    if (t->text.len)
        send(t);
}

static bool
read_topic(struct exchange *ex, struct slice *ret)
{
    struct form form = {.rest = ex->request->query};
    struct slice name, value;
    bool failed = false;
    *ret = SLICE("");
    while (form_next(&form, &ex->arena, &name, &value, &failed))
        if (slice_eq(name, SLICE("topic")))
            *ret = value;
    return !failed && ret->len;
}

/* False: it is answered. */
static bool
take_place(struct exchange *ex, struct hub *hub)
{
    if (atomic_load(&hub->stopping)) {
        reply_text(ex, 503, SLICE("The hub is stopping.\n"));
        return false;
    }
    if (atomic_fetch_add(&hub->traces, 1) < ex->config->max_traces)
        return true;
    atomic_fetch_sub(&hub->traces, 1);
    metrics_bound_met(METRIC_max_traces, ex->id);
    reply_text(ex, 503, SLICE("There are max_traces of them already.\n"));
    return false;
}

static void
begin(struct exchange *ex, struct slice topic)
{
    struct hub_worker *home = hub_worker_of(ex->worker);
    struct tracing *t = xalloc(sizeof *t);
    struct reply r;
    t->exchange = ex;
    t->hub = home->hub;
    t->watch = watch_begin(home, topic, go_on, t);
    list_append(&home->tracings, &t->node);
    ex->state = t;
    reply_stream_head(ex, &r);
    exchange_stream(ex, &r, SLICE(":\n"));
}

static void
on_head(struct exchange *ex)
{
    struct slice topic;
    if (!operator_asks(ex))
        reply_text(ex, 403, SLICE("Traces are for `alipes trace`, on the hub's own machine.\n"));
    else if (!read_topic(ex, &topic))
        reply_text(ex, 400, SLICE("Which topic? /trace?topic=..., or topic=* for all.\n"));
    else if (take_place(ex, hub_worker_of(ex->worker)->hub))
        begin(ex, topic);
}

static void
on_writable(struct exchange *ex)
{
    if (ex->state)
        go_on(ex->state);
}

static void
on_gone(struct exchange *ex)
{
    struct tracing *t = ex->state;
    ex->state = NULL;
    if (t == NULL)
        return;
    watch_end(&t->watch);
    buf_fini(&t->text);
    atomic_fetch_sub(&t->hub->traces, 1);
    list_unlink(&t->node);
    free(t);
}

const struct exchange_handler tracing_handler = {
    .on_head = on_head,
    .on_writable = on_writable,
    .on_gone = on_gone,
};

void
tracing_stop(struct hub_worker *home)
{
    LIST_EACH(node, after, &home->tracings)
    {
        struct tracing *t = CONTAINER_OF(node, struct tracing, node);
        if (!t->is_ending)
            end(t, SLICE("data: event=ended msg=\"the hub stops\"\n\n"));
    }
}
