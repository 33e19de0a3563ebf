/* subscribe - GET: matchers, token, cursor, bounds, and then a stream.
 *
 * An EventSource never comes back after anything but a 200. So what is wrong with the request
 * itself (400, 401) is said, and what only cannot be had now (bounds, a stop) is a 200 with
 * `retry:` and the end. */

#include "base/alloc.h"
#include "base/hash.h"
#include "hub/hub.h"
#include "hub/stream.h"
#include "metrics/metrics.h"
#include "request/credential.h"
#include "request/form.h"
#include "request/reply.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct query {
    struct slice *topics;
    size_t topic_count;
    struct cursor cursor;
};

/* How one parameter name is read; the first row that fits decides. */
enum parameter {
    PARAMETER_OTHER,
    PARAMETER_TOPIC,
    PARAMETER_MATCH,
    PARAMETER_UNAVAILABLE,
};

static const struct {
    struct slice name;
    enum parameter kind;
} parameters[] = {
    {SLICE_INIT("topic"), PARAMETER_TOPIC},
    {SLICE_INIT("match"), PARAMETER_MATCH},
    {SLICE_INIT("match_exact"), PARAMETER_MATCH},
    {SLICE_INIT("match_urlpattern"), PARAMETER_UNAVAILABLE},
};

/* Query names of a cursor, by rank: the first of them that is not empty wins. */
static const struct slice cursor_names[] = {
    SLICE_INIT("lastEventId"),
    SLICE_INIT("lastEventID"),
    SLICE_INIT("last_event_id"),
    SLICE_INIT("Last-Event-ID"),
};

static enum parameter
parameter_of(struct slice name)
{
    for (size_t i = 0; i < COUNT_OF(parameters); i++)
        if (slice_eq(name, parameters[i].name))
            return parameters[i].kind;
    return PARAMETER_OTHER;
}

static void
take_cursor(struct cursor *cursor, size_t *best, struct slice name, struct slice value)
{
    for (size_t rank = 0; rank < COUNT_OF(cursor_names); rank++) {
        if (!slice_eq(name, cursor_names[rank]))
            continue;
        cursor->given = true;
        if (value.len && rank < *best) {
            *best = rank;
            cursor->id = value;
        }
    }
}

/* NULL: read; otherwise the sentence of the 400. */
static const char *
read_query(struct exchange *ex, struct query *q)
{
    const struct config *c = ex->config;
    struct form form = {ex->request->query};
    struct slice name, value;
    bool failed = false, any_topic = false, any_match = false;
    size_t best = COUNT_OF(cursor_names), count = 0;
    *q = (struct query){0};
    size_t room = slice_count(form.rest, '&') + 1;
    if (room > c->max_matchers)
        room = c->max_matchers;
    q->topics = arena_alloc(&ex->arena, room * sizeof *q->topics);
    if (q->topics == NULL)
        return "The query is too large.\n";
    while (form_next(&form, &ex->arena, &name, &value, &failed)) {
        enum parameter kind = parameter_of(name);
        if (++count > c->max_form_fields) {
            metrics_bound_met(METRIC_max_form_fields, ex->id);
            return "The query has more fields than max_form_fields.\n";
        }
        if (kind == PARAMETER_UNAVAILABLE)
            return "match_urlpattern is not available in this version; use match for exact "
                   "topics.\n";
        if (kind == PARAMETER_OTHER) {
            take_cursor(&q->cursor, &best, name, value);
            continue;
        }
        if (kind == PARAMETER_TOPIC && slice_index(value, '{') < value.len)
            return "URI Templates are not available in this version; name exact topics or *.\n";
        any_topic |= kind == PARAMETER_TOPIC;
        any_match |= kind == PARAMETER_MATCH;
        if (q->topic_count == c->max_matchers) {
            metrics_bound_met(METRIC_max_matchers, ex->id);
            return "The subscription has more matchers than max_matchers.\n";
        }
        q->topics[q->topic_count++] = value;
    }
    if (failed)
        return "The query is too large.\n";
    if (any_topic && any_match)
        return "topic and match belong to different versions of the protocol; use one of them.\n";
    if (q->topic_count == 0)
        return "The parameter topic is missing.\n";
    struct slice header;
    if (request_header(ex->request, SLICE("Last-Event-ID"), &header)) {
        q->cursor.given = true;
        if (header.len)
            q->cursor.id = header;
    }
    q->cursor.is_earliest = slice_eq(q->cursor.id, SLICE("earliest"));
    return NULL;
}

/* This subscription is right but cannot be served now. */
static void
answer_busy(struct exchange *ex)
{
    struct hub_worker *home = hub_worker_of(ex->worker);
    struct reply r;
    char text[40];
    if (ex->config->busy_503) {
        reply_text(ex, 503, SLICE("Too many streams at the moment.\n"));
        return;
    }
    reply_stream_head(ex, &r);
    r.body =
        SLICE_OF(text, (size_t)snprintf(text, sizeof text, "retry: %u\n\n", hub_retry_ms(home)));
    exchange_reply(ex, &r);
}

/* Takes a place under every bound, or none. */
static bool
take_place(struct exchange *ex, struct hub *hub, const struct grant *grant, uint64_t address_key)
{
    const struct config *c = ex->config;
    if (atomic_fetch_add(&hub->streams, 1) >= c->max_streams) {
        metrics_bound_met(METRIC_max_streams, ex->id);
    } else if (grant && !quota_take(hub->by_token, grant->key_hash, c->max_streams_per_token)) {
        metrics_bound_met(METRIC_max_streams_per_token, ex->id);
    } else if (address_key &&
               !quota_take(hub->by_address, address_key, c->max_streams_per_address)) {
        metrics_bound_met(METRIC_max_streams_per_address, ex->id);
        if (grant)
            quota_give(hub->by_token, grant->key_hash);
    } else {
        return true;
    }
    atomic_fetch_sub(&hub->streams, 1);
    return false;
}

static void
refuse_without_token(struct exchange *ex, const struct authority *authority)
{
    struct token_refusal refusal = credential_refusal(authority, ROLE_SUBSCRIBE, TOKEN_NONE, NULL);
    reply_unauthorized(ex, &refusal);
}

/* Is the request right, and who asks? False: it is answered. */
static bool
admit(struct exchange *ex, struct query *q, struct grant **ret_grant)
{
    struct hub_worker *home = hub_worker_of(ex->worker);
    const struct authority *authority = home->hub->authority;
    struct token_refusal refusal;
    const char *fault = read_query(ex, q);
    if (fault)
        reply_text(ex, 400, slice_of(fault));
    else if (!credential_read(ex, authority, ROLE_SUBSCRIBE, home->tokens, ret_grant, &refusal))
        reply_unauthorized(ex, &refusal);
    else if (*ret_grant == NULL && !ex->config->anonymous)
        refuse_without_token(ex, authority);
    else
        return true;
    return false;
}

static void
on_head(struct exchange *ex)
{
    struct hub_worker *home = hub_worker_of(ex->worker);
    struct hub *hub = home->hub;
    struct grant *grant;
    struct query q;
    if (!admit(ex, &q, &grant))
        return;
    /* A client on loopback is the site itself, or a front in front of the front. */
    const struct slice address = ex->request->address;
    uint64_t address_key = 0;
    if (address.len && !slice_starts(address, SLICE("127.")) && !slice_eq(address, SLICE("::1")))
        address_key = hash_slice(address) | 1;
    if (atomic_load(&hub->stopping) || !take_place(ex, hub, grant, address_key)) {
        grant_unref(&grant);
        answer_busy(ex);
        return;
    }
    stream_begin(home, ex, grant, q.topics, q.topic_count, &q.cursor, address_key);
}

static void
on_body(struct exchange *ex)
{
    (void)ex;
}

static void
on_body_refused(struct exchange *ex, unsigned status)
{
    reply_text(ex, status, SLICE("A subscription has no body.\n"));
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
    .on_body = on_body,
    .on_body_refused = on_body_refused,
    .on_writable = on_writable,
    .on_gone = on_gone,
};

/* HEAD: what GET would say, with the cursor looked up, and nothing registered. */
struct glance {
    struct transport_find find;
    struct exchange *exchange; /* NULL: whoever asked has left */
    char id[];
};

static void
answer_glance(struct exchange *ex, struct slice cursor)
{
    struct reply r;
    reply_stream_head(ex, &r);
    if (cursor.ptr)
        reply_add(&r, SLICE("Last-Event-ID"), cursor);
    exchange_reply(ex, &r);
}

static void
on_glance_found(struct worker *worker, struct message *m)
{
    (void)worker;
    struct glance *g = CONTAINER_OF(m, struct glance, find.message);
    if (g->exchange) {
        g->exchange->state = NULL;
        answer_glance(g->exchange, g->find.found ? g->find.id : SLICE("earliest"));
    }
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
    if (q.cursor.is_earliest || q.cursor.id.len == 0) {
        answer_glance(ex, q.cursor.is_earliest ? q.cursor.id : SLICE_OF(NULL, 0));
        return;
    }
    struct glance *g = xalloc(sizeof *g + q.cursor.id.len);
    memcpy(g->id, q.cursor.id.ptr, q.cursor.id.len);
    g->exchange = ex;
    g->find = (struct transport_find){.message.receive = on_glance_found,
                                      .origin = ex->worker,
                                      .id = SLICE_OF(g->id, q.cursor.id.len)};
    ex->state = g;
    exchange_wait(ex);
    transport_find(hub_worker_of(ex->worker)->hub->transport, &g->find);
}

static void
on_glance_gone(struct exchange *ex)
{
    struct glance *g = ex->state;
    if (g)
        g->exchange = NULL;
}

const struct exchange_handler hub_glance_handler = {
    .on_head = on_glance,
    .on_body = on_body,
    .on_body_refused = on_body_refused,
    .on_writable = on_body,
    .on_gone = on_glance_gone,
};
