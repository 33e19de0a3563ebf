/* subscribe - GET and QUERY: matchers, token, cursor, bounds, and then a stream. */

#include "hub/subscribe.h"

#include "hub/access.h"
#include "hub/busy.h"
#include "hub/catch_up.h"
#include "hub/delivery.h"
#include "hub/home.h"
#include "hub/stream.h"
#include "hub/subscribe_check.h"
#include "metrics/metrics.h"
#include "request/form.h"
#include "request/reply.h"

/* Are the connections all but gone? The last ones are for publishes. */
static bool
is_crowded(const struct hub *hub)
{
    return hub->connections &&
           atomic_load_explicit(hub->connections, memory_order_relaxed) > hub->stream_connections;
}

/* Takes a place under every bound, or none: then the bound, else METRIC_COUNT. */
static enum metric
take_place(struct exchange *ex, struct hub *hub, const struct grant *grant, uint64_t address_key)
{
    const struct config *c = ex->config;
    enum metric bound = METRIC_COUNT;
    if (atomic_fetch_add(&hub->streams, 1) >= c->max_streams) {
        bound = METRIC_max_streams;
    } else if (is_crowded(hub)) {
        bound = METRIC_max_connections;
    } else if (grant && !quota_take(hub->by_token, grant->key_hash, c->max_streams_per_token)) {
        bound = METRIC_max_streams_per_token;
    } else if (address_key &&
               !quota_take(hub->by_address, address_key, c->max_streams_per_address)) {
        bound = METRIC_max_streams_per_address;
        if (grant)
            quota_give(hub->by_token, grant->key_hash);
    }
    if (bound != METRIC_COUNT) {
        metrics_bound_met(bound, ex->id);
        atomic_fetch_sub(&hub->streams, 1);
    }
    return bound;
}

static void
give_place(struct hub *hub, const struct grant *grant, uint64_t address_key)
{
    atomic_fetch_sub(&hub->streams, 1);
    if (grant)
        quota_give(hub->by_token, grant->key_hash);
    if (address_key)
        quota_give(hub->by_address, address_key);
}

/* Takes the grant. */
static void
subscribe(struct exchange *ex, struct grant *grant, struct subscribe_form *q)
{
    struct hub_worker *home = hub_worker_of(ex->worker);
    struct hub *hub = home->hub;
    if (position_is_nowhere(home->taken)) {
        grant_unref(&grant);
        busy_answer(ex, "starting", SLICE("The history is not there yet.\n"));
        return;
    }
    uint64_t address_key = quota_key_of_address(ex->request->address);
    enum metric bound = take_place(ex, hub, grant, address_key);
    if (bound != METRIC_COUNT) {
        grant_unref(&grant);
        busy_answer(ex, metrics_name(bound), SLICE("Too many streams at the moment.\n"));
        return;
    }
    struct error err;
    enum index_answer answer = stream_begin(home, ex, grant, q, address_key, &err);
    if (answer != INDEX_ADDED) {
        give_place(hub, grant, address_key);
        grant_unref(&grant);
        subscribe_check_refuse(ex, answer, &err);
    }
}

static void
begin(struct exchange *ex)
{
    struct grant *grant;
    struct subscribe_form q;
    if (!subscribe_check_form(ex, SLICE(""), &q) || !subscribe_check_token(ex, &grant))
        return;
    if (subscribe_check_patterns(ex, grant, &q, begin))
        subscribe(ex, grant, &q);
    else
        grant_unref(&grant);
}

/* A front may announce a body without a length that then is empty; any other is a mistake that its
 * author hears of. */
static void
on_head(struct exchange *ex)
{
    if (ex->request->has_body)
        exchange_read_body(ex, 0);
    else
        begin(ex);
}

static void
on_empty_body(struct exchange *ex)
{
    ex->request->has_body = false;
    if (hub_renew(ex))
        begin(ex);
}

static void
on_body_refused(struct exchange *ex, unsigned status)
{
    (void)status;
    if (subscribe_check_stop(ex))
        reply_text(ex, 400, SLICE("A subscription by GET has no body.\n"));
}

static void
on_writable(struct exchange *ex)
{
    if (ex->state)
        catch_up_writable(ex->state);
}

static void
on_resumed(struct exchange *ex, struct position after)
{
    if (ex->state)
        catch_up_resume(ex->state, after);
}

static bool
is_at(const struct exchange *ex, struct position p)
{
    return ex->state && stream_is_at(ex->state, p);
}

static void
on_gone(struct exchange *ex)
{
    struct stream *s = ex->state;
    ex->state = NULL;
    if (s == NULL)
        return;
    delivery_forget(s->home->delivery, s);
    give_place(s->home->hub, s->grant, s->address_key);
    stream_gone(s);
}

const struct exchange_handler subscribe_handler = {
    .on_head = on_head,
    .on_body = on_empty_body,
    .on_body_refused = on_body_refused,
    .on_writable = on_writable,
    .on_resumed = on_resumed,
    .is_at = is_at,
    .on_gone = on_gone,
};

/* QUERY: as GET, with parameters in a body too. Until it is read, `state` is the grant. Bodies that
 * subscribers send must not take the budget from those who publish: they have a share of it. */
static void
on_query(struct exchange *ex)
{
    struct grant *grant;
    if (!subscribe_check_token(ex, &grant))
        return;
    ex->state = grant;
    ex->request->share = (struct body_share){&hub_worker_of(ex->worker)->hub->query_bytes,
                                             ex->config->max_pending_bytes / CONFIG_QUERY_SHARE};
    enum form_announced announced = form_announced(ex->request);
    if (announced != FORM_FORM)
        reply_text(ex, announced == FORM_ELSE ? 415 : 400,
                   SLICE("The Content-Type must be application/x-www-form-urlencoded.\n"));
    else if (subscribe_check_stop(ex))
        exchange_read_body(ex, ex->config->max_query_body_size);
}

static void
on_query_body(struct exchange *ex)
{
    struct subscribe_form q;
    struct grant *admitted = ex->state;
    bool still = access_still(ex, ROLE_SUBSCRIBE, &admitted);
    ex->state = admitted;
    if (!still)
        return;
    if (!subscribe_check_form(ex, ex->request->body, &q) ||
        !subscribe_check_patterns(ex, ex->state, &q, on_query_body))
        return;
    struct grant *grant = ex->state;
    ex->state = NULL;
    ex->handler = &subscribe_handler; /* from here on it is a subscription like any other */
    subscribe(ex, grant, &q);
}

static void
on_query_refused(struct exchange *ex, unsigned status)
{
    if (status == 413) {
        metrics_bound_met(METRIC_max_query_body_size, ex->id);
        reply_text(ex, 413, SLICE("The body is larger than max_query_body_size.\n"));
    } else if (subscribe_check_stop(ex)) {
        metrics_bound_met(METRIC_max_pending_bytes, ex->id);
        busy_answer(ex, metrics_name(METRIC_max_pending_bytes),
                    SLICE("Too much is on its way at the moment.\n"));
    }
}

static void
on_query_gone(struct exchange *ex)
{
    struct grant *grant = ex->state;
    ex->state = NULL;
    grant_unref(&grant);
}

const struct exchange_handler subscribe_query_handler = {
    .on_head = on_query,
    .on_body = on_query_body,
    .on_body_refused = on_query_refused,
    .on_gone = on_query_gone,
};
