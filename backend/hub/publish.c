/* publish - POST: token, body, form, rights, bytes, transport, and the id as the answer.
 *
 * The token is judged before a byte of the body is kept. The 200 is sent when the transport says
 * that the update is committed, never before. A publisher that leaves while its update is on the
 * way does not take it back: the state lives until the transport's answer. */

#include "hub/publish.h"

#include "base/alloc.h"
#include "base/log.h"
#include "hub/access.h"
#include "hub/home.h"
#include "hub/publish_form.h"
#include "hub/reserved.h"
#include "hub/trace.h"
#include "metrics/metrics.h"
#include "request/form.h"
#include "request/hub_url.h"
#include "request/reply.h"
#include "topic/matcher.h"
#include "topic/url_parse.h"

#include <stdlib.h>

struct publication {
    struct transport_publish request;
    struct exchange *exchange; /* NULL: the publisher has left */
    struct hub *hub;
    struct grant *grant;   /* owns */
    struct update *update; /* own reference: its id is the answer */
    struct update *handed; /* what the transport takes */
    bool underway;         /* the transport has it: it frees, not on_gone */
};

static struct hub *
hub_of(const struct exchange *ex)
{
    return hub_worker_of(ex->worker)->hub;
}

static void
publication_free(struct publication *p)
{
    grant_unref(&p->grant);
    update_unref(&p->update);
    free(p);
}

static void
on_head(struct exchange *ex)
{
    struct hub *hub = hub_of(ex);
    struct grant *grant;
    if (!access_read(ex, ROLE_PUBLISH, true, &grant))
        return;
    if (!rights_has(grant->rights, ROLE_PUBLISH)) {
        access_refuse(ex, ROLE_PUBLISH, TOKEN_GRANTS_NOTHING, grant);
        grant_unref(&grant);
        return;
    }
    if (form_announced(ex->request) != FORM_FORM) {
        grant_unref(&grant);
        reply_text(ex, 400, SLICE("The body must be application/x-www-form-urlencoded.\n"));
        return;
    }
    struct publication *p = xalloc(sizeof *p);
    p->exchange = ex;
    p->hub = hub;
    p->grant = grant;
    ex->state = p;
    exchange_read_body(ex, ex->config->max_request_body_size);
}

/* What is on its way leaves no room for this one; or there is nobody any more to bring it to. */
static void
refuse_busy(struct exchange *ex)
{
    if (atomic_load(&hub_of(ex)->stopping)) {
        reply_text(ex, 503, SLICE("The hub is stopping.\n"));
        return;
    }
    metrics_bound_met(METRIC_max_pending_bytes, ex->id);
    reply_text(ex, 503, SLICE("Too much is on its way at the moment.\n"));
}

static void
on_body_refused(struct exchange *ex, unsigned status)
{
    if (status != 413) {
        refuse_busy(ex);
        return;
    }
    metrics_bound_met(METRIC_max_request_body_size, ex->id);
    reply_text(ex, 413, SLICE("The body is larger than max_request_body_size.\n"));
}

/* False: it is answered. */
static bool
read_fields(struct exchange *ex, struct publication *p, struct publish_form *f)
{
    const struct config *c = ex->config;
    const struct publish_form_limits limits = {c->max_form_fields, c->max_topics_per_publish,
                                               c->max_topics_size, c->max_id_length};
    enum dialect dialect = p->grant->dialect;
    enum publish_form_fault fault =
        publish_form_read(&ex->arena, ex->request->body, dialect, &limits, f);
    if (fault == PUBLISH_FORM_OK)
        return true;
    if (fault == PUBLISH_FORM_TOO_MANY)
        metrics_bound_met(METRIC_max_form_fields, ex->id);
    if (fault == PUBLISH_FORM_TOO_MANY_TOPICS)
        metrics_bound_met(METRIC_max_topics_per_publish, ex->id);
    if (fault == PUBLISH_FORM_TOPICS_TOO_LARGE)
        metrics_bound_met(METRIC_max_topics_size, ex->id);
    if (fault == PUBLISH_FORM_ID_TOO_LONG)
        metrics_bound_met(METRIC_max_id_length, ex->id);
    reply_text(ex, publish_form_status(fault, dialect), publish_form_sentence(fault));
    return false;
}

/* The hub's own URL, as this request reached it. Only its path and whether it is https can matter
 * to what is reserved, so a host that is not known does not either. */
static bool
read_hub_url(struct exchange *ex, struct arena *arena, struct url *ret)
{
    return url_parse(arena, hub_url_base(ex), NULL, ret) ||
           (url_parse(arena, SLICE("http://localhost"), NULL, ret) &&
            url_parse(arena, slice_of(ex->config->path), ret, ret));
}

static bool
is_reserved(struct exchange *ex, enum dialect dialect, struct slice topic)
{
    struct arena arena;
    struct url hub;
    if (!reserved_is_possible(slice_of(ex->config->path), topic))
        return false;
    arena_init(&arena, 262144);
    bool reserved = !read_hub_url(ex, &arena, &hub) || reserved_holds(&hub, dialect, topic);
    arena_fini(&arena);
    return reserved;
}

/* Every topic must be granted, and none the hub's. False: it is answered. */
static bool
judge_topics(struct exchange *ex, const struct grant *grant, const struct publish_form *f,
             struct topic *topics)
{
    uint64_t steps = rights_budget(grant->rights, f->topic_count);
    for (size_t i = 0; i < f->topic_count; i++) {
        if (is_reserved(ex, grant->dialect, f->topics[i])) {
            reply_text(ex, grant->dialect == DIALECT_1_0 ? 400 : 403,
                       SLICE("The topic lies under the hub's own path.\n"));
            return false;
        }
        topics[i] = topic_of(f->topics[i]);
        if (!rights_allow(grant->rights, ROLE_PUBLISH, &topics[i], &steps)) {
            access_refuse_topic(ex, ROLE_PUBLISH, grant, f->topics[i]);
            return false;
        }
    }
    return true;
}

static void
refuse_large(struct exchange *ex)
{
    metrics_bound_met(METRIC_max_update_size, ex->id);
    reply_text(ex, 413, SLICE("The update, formatted, is larger than max_update_size.\n"));
}

/* Past 200 and 413 a publisher may try again; whether it then stands there twice, the id tells. */
static const struct slice failures[] = {
    [PUBLISH_FAILED] = SLICE_INIT("The update could not be stored.\n"),
    [PUBLISH_REFUSED] = SLICE_INIT("The history takes no updates at the moment.\n"),
    [PUBLISH_STOPPED] = SLICE_INIT("The hub is stopping.\n"),
};

static void
answer(struct exchange *ex, enum publish_outcome outcome, struct slice id)
{
    struct reply r;
    if (outcome == PUBLISH_TOO_LARGE) {
        refuse_large(ex);
        return;
    }
    if (outcome != PUBLISH_COMMITTED) {
        metrics_count(METRIC_publishes_failed);
        reply_text(ex, 503, failures[outcome]);
        return;
    }
    reply_begin(ex, &r, 200);
    reply_add(&r, SLICE("Content-Type"), SLICE("text/plain; charset=utf-8"));
    r.body = id;
    exchange_reply(ex, &r);
}

static void
on_answer(struct worker *worker, struct message *m)
{
    (void)worker;
    struct publication *p = CONTAINER_OF(m, struct publication, request.message);
    atomic_fetch_sub(&p->hub->pending_bytes, p->update->size);
    atomic_fetch_sub(&p->hub->publishes_underway, 1);
    p->underway = false;
    if (p->request.outcome == PUBLISH_COMMITTED)
        metrics_count(METRIC_publishes);
    if (p->exchange)
        answer(p->exchange, p->request.outcome, p->update->id);
    else
        publication_free(p);
}

static void
hand_over(struct exchange *ex, struct publication *p, struct update *update)
{
    struct hub *hub = p->hub;
    if (atomic_fetch_add(&hub->pending_bytes, update->size) + update->size >
        ex->config->max_pending_bytes) {
        atomic_fetch_sub(&hub->pending_bytes, update->size);
        update_unref(&update);
        refuse_busy(ex);
        return;
    }
    atomic_fetch_add(&hub->publishes_underway, 1);
    p->update = update_ref(update);
    p->underway = true;
    p->request.message.receive = on_answer;
    p->request.origin = ex->worker;
    p->handed = update;
    p->request.updates = &p->handed;
    p->request.count = 1;
    exchange_wait(ex);
    transport_publish(hub->transport, &p->request);
}

/* Formats and hands over. What was worked out about the topics goes along; what the workers' URL
 * Patterns will need is worked out here, once. */
static void
make_update(struct exchange *ex, struct publication *p, struct publish_form *f,
            struct topic *topics)
{
    char fresh[IDS_URN_LEN + 1];
    bool id_is_chosen = f->id.len > 0;
    if (!id_is_chosen)
        f->id = hub_new_id(hub_worker_of(ex->worker), fresh);
    const struct update_parts parts = {.topics = f->topics,
                                       .topic_count = f->topic_count,
                                       .id = f->id,
                                       .type = f->type,
                                       .data = f->data,
                                       .retry = f->retry,
                                       .is_private = f->is_private,
                                       .id_is_chosen = id_is_chosen};
    bool too_large;
    struct update *update = update_new(&parts, ex->config->max_update_size, &too_large);
    if (update) {
        for (uint32_t i = 0; i < update->topic_count; i++) {
            topic_move(&update->topics[i], &topics[i]);
            if (matcher_needs_urls() && topic_is_absolute(&update->topics[i]))
                topic_url(&update->topics[i], SLICE(""), NULL, NULL);
        }
        if (log_wants(LOG_DEBUG))
            trace_publish(ex, update, f, p->hub->workers);
        hand_over(ex, p, update);
    } else if (too_large) {
        refuse_large(ex);
    } else {
        refuse_busy(ex);
    }
}

static void
on_body(struct exchange *ex)
{
    struct publication *p = ex->state;
    struct publish_form f;
    if (!access_still(ex, ROLE_PUBLISH, &p->grant))
        return;
    if (!read_fields(ex, p, &f))
        return;
    struct topic *topics = arena_alloc(&ex->arena, f.topic_count * sizeof *topics);
    if (topics == NULL) {
        refuse_busy(ex);
        return;
    }
    size_t count = f.topic_count;
    if (judge_topics(ex, p->grant, &f, topics))
        make_update(ex, p, &f, topics);
    for (size_t i = 0; i < count; i++)
        topic_fini(&topics[i]);
}

static void
on_gone(struct exchange *ex)
{
    struct publication *p = ex->state;
    ex->state = NULL;
    if (p == NULL)
        return;
    if (p->underway)
        p->exchange = NULL;
    else
        publication_free(p);
}

const struct exchange_handler publish_handler = {
    .on_head = on_head,
    .on_body = on_body,
    .on_body_refused = on_body_refused,
    .on_gone = on_gone,
};
