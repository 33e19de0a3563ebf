/* subscribe - GET: matchers, token, cursor, bounds, and then a stream.
 *
 * An EventSource never comes back after anything but a 200. So what is wrong with the request
 * itself (400, 401) is said, and what only cannot be had now (bounds, a stop) is a 200 with
 * `retry:` and the end. */

#include "base/alloc.h"
#include "base/clock.h"
#include "hub/admit.h"
#include "hub/hub.h"
#include "hub/lookup.h"
#include "hub/query.h"
#include "hub/stream.h"
#include "metrics/metrics.h"
#include "request/form.h"
#include "request/reply.h"

#include <stdio.h>
#include <stdlib.h>

/* Takes a place under every bound, or none: then the bound, else METRIC_COUNT. */
static enum metric
take_place(struct exchange *ex, struct hub *hub, const struct grant *grant, uint64_t address_key)
{
    const struct config *c = ex->config;
    enum metric bound = METRIC_COUNT;
    if (atomic_fetch_add(&hub->streams, 1) >= c->max_streams) {
        bound = METRIC_max_streams;
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

/* Who asks? False: it is answered, or will be. */
static bool
admit_token(struct exchange *ex, struct grant **ret_grant)
{
    return admit_read(ex, ROLE_SUBSCRIBE, !ex->config->anonymous, ret_grant);
}

/* On whose account is what this subscription brings into the index? A token may be the whole
 * site's, so the address comes first; who has neither is a client of its own. */
static uint64_t
client_of(const struct exchange *ex, const struct grant *grant)
{
    uint64_t address = quota_key_of_address(ex->request->address);
    return address ? address : grant ? grant->key_hash : ex->id;
}

/* Is the request right, and who asks? False: it is answered. */
static bool
admit(struct exchange *ex, struct query *q, struct grant **ret_grant)
{
    const char *fault = query_read(ex, SLICE(""), q);
    if (fault) {
        reply_text(ex, 400, slice_of(fault));
        return false;
    }
    if (!admit_token(ex, ret_grant))
        return false;
    query_set_client(q, client_of(ex, *ret_grant));
    return true;
}

static bool
refuse_at_stop(struct exchange *ex)
{
    if (!atomic_load(&hub_worker_of(ex->worker)->hub->stopping))
        return false;
    admit_busy(ex, "stopping", SLICE("The hub is stopping.\n"));
    return true;
}

/* Patterns that were struck are refused, and not with a retry: (hub/struck.h). */
static bool
refuse_struck(struct exchange *ex, const struct query *q)
{
    struct hub *hub = hub_worker_of(ex->worker)->hub;
    for (size_t i = 0; i < q->count; i++) {
        const struct selector *s = &q->selectors[i];
        if (!index_is_pattern(s) || !struck_has(hub->struck, s, clock_mono_ms()))
            continue;
        metrics_count(METRIC_patterns_refused);
        reply_text(ex, 400,
                   SLICE("A pattern takes too long to match; it is refused for a "
                         "while.\n"));
        return true;
    }
    return false;
}

/* False: it is answered, or will be called again when its patterns are compiled. */
static bool
may_begin(struct exchange *ex, const struct query *q, void (*again)(struct exchange *))
{
    return !refuse_at_stop(ex) && !refuse_struck(ex, q) && joining_may_begin(ex, q, again);
}

static void
refuse(struct exchange *ex, enum index_answer answer, const struct error *err)
{
    char text[sizeof err->text + 40];
    if (answer == INDEX_ILL_FORMED) {
        int n = snprintf(text, sizeof text, "A pattern is ill-formed: %s.\n", err->text);
        reply_text(ex, 400, SLICE_OF(text, (size_t)n));
        return;
    }
    static const enum metric bounds[SHARE_KINDS] = {
        [SHARE_PATTERNS] = METRIC_max_patterns,
        [SHARE_UNFIXED] = METRIC_max_unfixed_patterns,
        [SHARE_BASES] = METRIC_max_pattern_bases,
        [SHARE_BYTES] = METRIC_max_index_bytes,
    };
    enum metric bound = answer == INDEX_HOARDED ? METRIC_client_share
                                                : bounds[hub_worker_of(ex->worker)->index.full];
    metrics_bound_met(bound, ex->id);
    admit_busy(ex, metrics_name(bound), SLICE("Too many topics and patterns at the moment.\n"));
}

/* Takes the grant. */
static void
subscribe(struct exchange *ex, struct grant *grant, struct query *q)
{
    struct hub_worker *home = hub_worker_of(ex->worker);
    struct hub *hub = home->hub;
    uint64_t address_key = quota_key_of_address(ex->request->address);
    enum metric bound = take_place(ex, hub, grant, address_key);
    if (bound != METRIC_COUNT) {
        grant_unref(&grant);
        admit_busy(ex, metrics_name(bound), SLICE("Too many streams at the moment.\n"));
        return;
    }
    struct error err;
    enum index_answer answer = stream_begin(home, ex, grant, q, address_key, &err);
    if (answer != INDEX_ADDED) {
        give_place(hub, grant, address_key);
        grant_unref(&grant);
        refuse(ex, answer, &err);
    }
}

static void
begin(struct exchange *ex)
{
    struct grant *grant;
    struct query q;
    if (!admit(ex, &q, &grant))
        return;
    if (may_begin(ex, &q, begin))
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
    if (admit_renew(ex))
        begin(ex);
}

static void
on_body_refused(struct exchange *ex, unsigned status)
{
    (void)status;
    if (!refuse_at_stop(ex))
        reply_text(ex, 400, SLICE("A subscription by GET has no body.\n"));
}

static void
on_body(struct exchange *ex)
{
    (void)ex;
}

static void
on_writable(struct exchange *ex)
{
    if (ex->state)
        stream_writable(ex->state);
}

static void
on_gone(struct exchange *ex)
{
    struct stream *s = ex->state;
    ex->state = NULL;
    if (s)
        stream_gone(s);
}

const struct exchange_handler hub_subscribe_handler = {
    .on_head = on_head,
    .on_body = on_empty_body,
    .on_body_refused = on_body_refused,
    .on_writable = on_writable,
    .on_gone = on_gone,
};

/* QUERY: as GET, with parameters in a body too. Until it is read, `state` is the grant. Bodies that
 * subscribers send must not take the budget from those who publish: they have a share of it. */
static void
on_query(struct exchange *ex)
{
    struct grant *grant;
    if (!admit_token(ex, &grant))
        return;
    ex->state = grant;
    ex->request->share = (struct body_share){&hub_worker_of(ex->worker)->hub->query_bytes,
                                             ex->config->max_pending_bytes / CONFIG_QUERY_SHARE};
    if (form_announced(ex->request) == FORM_ELSE)
        reply_text(ex, 415, SLICE("The body must be application/x-www-form-urlencoded.\n"));
    else if (!refuse_at_stop(ex))
        exchange_read_body(ex, ex->config->max_query_body_size);
}

static void
on_query_body(struct exchange *ex)
{
    struct query q;
    struct grant *admitted = ex->state;
    bool still = admit_still(ex, ROLE_SUBSCRIBE, &admitted);
    ex->state = admitted;
    if (!still)
        return;
    const char *fault = query_read(ex, ex->request->body, &q);
    if (fault) {
        reply_text(ex, 400, slice_of(fault));
        return;
    }
    query_set_client(&q, client_of(ex, ex->state));
    if (!may_begin(ex, &q, on_query_body))
        return;
    struct grant *grant = ex->state;
    ex->state = NULL;
    ex->handler = &hub_subscribe_handler; /* from here on it is a subscription like any other */
    subscribe(ex, grant, &q);
}

static void
on_query_refused(struct exchange *ex, unsigned status)
{
    if (status == 413) {
        metrics_bound_met(METRIC_max_query_body_size, ex->id);
        reply_text(ex, 413, SLICE("The body is larger than max_query_body_size.\n"));
    } else if (!refuse_at_stop(ex)) {
        metrics_bound_met(METRIC_max_pending_bytes, ex->id);
        admit_busy(ex, metrics_name(METRIC_max_pending_bytes),
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

const struct exchange_handler hub_query_handler = {
    .on_head = on_query,
    .on_body = on_query_body,
    .on_body_refused = on_query_refused,
    .on_writable = on_body,
    .on_gone = on_query_gone,
};

/* HEAD: what GET would say, with the cursor looked up, and nothing registered. While that is looked
 * up, `state` is this. */
struct glance {
    struct exchange *exchange;
    struct lookup *lookup; /* owns */
    struct slice name;     /* of the reply's header, static */
};

static void
answer_glance(struct exchange *ex, struct slice name, struct slice cursor)
{
    struct reply r;
    reply_stream_head(ex, &r);
    if (cursor.ptr)
        reply_add(&r, name, cursor);
    exchange_reply(ex, &r);
}

static void
on_glance_found(void *owner, const struct transport_find *find)
{
    struct glance *g = owner;
    g->exchange->state = NULL;
    if (find->failed)
        admit_busy(g->exchange, "history_unreadable",
                   SLICE("The history cannot be read at the moment.\n"));
    else
        answer_glance(g->exchange, g->name, find->found ? find->id : SLICE("earliest"));
    free(g);
}

static void
on_glance(struct exchange *ex)
{
    struct grant *grant;
    struct query q;
    if (!admit(ex, &q, &grant))
        return;
    grant_unref(&grant);
    if (!may_begin(ex, &q, on_glance))
        return;
    struct error err;
    struct hub_worker *home = hub_worker_of(ex->worker);
    for (size_t i = 0; i < q.count; i++) {
        if (!index_judge(&home->index, &q.selectors[i], &err)) {
            refuse(ex, INDEX_ILL_FORMED, &err);
            return;
        }
    }
    struct slice name = cursor_header(q.cursor.dialect);
    if (q.cursor.is_earliest || q.cursor.id.len == 0) {
        answer_glance(ex, name, cursor_at_once(&q.cursor));
        return;
    }
    struct glance *g = xalloc(sizeof *g);
    ex->state = g;
    exchange_wait(ex);
    *g = (struct glance){ex, lookup_begin(home, q.cursor.id, on_glance_found, g), name};
}

static void
on_glance_gone(struct exchange *ex)
{
    struct glance *g = ex->state;
    if (g)
        lookup_forget(&g->lookup);
    free(g);
}

const struct exchange_handler hub_glance_handler = {
    .on_head = on_glance,
    .on_body = on_body,
    .on_body_refused = on_body_refused,
    .on_writable = on_body,
    .on_gone = on_glance_gone,
};
