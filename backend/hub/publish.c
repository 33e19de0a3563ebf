/* publish - POST: token, body, form, rights, bytes, transport, and the id as the answer.
 *
 * The token is judged before a byte of the body is kept. The 200 is sent when the transport says
 * that the update is committed, never before. A publisher that leaves while its update is on the
 * way does not take it back: the state lives until the transport's answer. */

#include "base/alloc.h"
#include "hub/hub.h"
#include "metrics/metrics.h"
#include "request/credential.h"
#include "request/form.h"
#include "request/reply.h"
#include "topic/percent.h"

#include <stdlib.h>

struct publication {
    struct transport_publish request;
    struct exchange *exchange; /* NULL: the publisher has left */
    struct hub *hub;
    struct grant *grant;   /* owns */
    struct update *update; /* own reference: its id is the answer */
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

static bool
is_form(const struct request *r)
{
    struct slice type;
    if (!request_header(r, SLICE("Content-Type"), &type))
        return false;
    type = slice_trim(slice_head(type, slice_index(type, ';')));
    return slice_eq_nocase(type, SLICE("application/x-www-form-urlencoded"));
}

static void
refuse(struct exchange *ex, enum token_fault fault, const struct grant *grant)
{
    struct token_refusal refusal =
        credential_refusal(hub_of(ex)->authority, ROLE_PUBLISH, fault, grant);
    reply_unauthorized(ex, &refusal);
}

static void
on_head(struct exchange *ex)
{
    struct hub *hub = hub_of(ex);
    struct grant *grant;
    struct token_refusal refusal;
    if (!credential_read(ex, hub->authority, ROLE_PUBLISH, hub_worker_of(ex->worker)->tokens,
                         &grant, &refusal)) {
        reply_unauthorized(ex, &refusal);
        return;
    }
    if (grant == NULL || !grant_has(grant, ROLE_PUBLISH)) {
        refuse(ex, grant ? TOKEN_GRANTS_NOTHING : TOKEN_NONE, grant);
        grant_unref(&grant);
        return;
    }
    if (!is_form(ex->request)) {
        grant_unref(&grant);
        reply_text(ex, 400, SLICE("The body must be application/x-www-form-urlencoded.\n"));
        return;
    }
    struct publication *p = xalloc(sizeof *p);
    p->exchange = ex;
    p->hub = hub;
    p->grant = grant;
    ex->state = p;
    exchange_read_body(ex, hub->config->max_request_body_size);
}

static void
on_body_refused(struct exchange *ex, unsigned status)
{
    if (status == 413) {
        metrics_bound_met(METRIC_max_request_body_size, ex->id);
        reply_text(ex, 413, SLICE("The body is larger than max_request_body_size.\n"));
    } else {
        metrics_bound_met(METRIC_max_pending_bytes, ex->id);
        reply_text(ex, 503, SLICE("Too much is on its way at the moment.\n"));
    }
}

/* The fields of a form, as far as they count. */
struct fields {
    struct slice *topics;
    size_t topic_count;
    struct slice id, type, data, retry;
    bool has_id, has_type, has_data, has_retry, is_private;
};

static void
take_first(struct slice value, struct slice *field, bool *has)
{
    if (!*has)
        *field = value;
    *has = true;
}

/* NULL: read; otherwise the sentence of the refusal. */
static const char *
read_fields(struct exchange *ex, struct fields *f)
{
    const struct config *c = ex->config;
    struct form form = {ex->request->body};
    struct slice name, value;
    bool failed = false;
    size_t count = 0;
    *f = (struct fields){0};
    size_t room = slice_count(ex->request->body, '&') + 1;
    if (room > c->max_topics_per_publish)
        room = c->max_topics_per_publish;
    f->topics = arena_alloc(&ex->arena, room * sizeof *f->topics);
    if (f->topics == NULL)
        return "The form is too large.\n";
    while (form_next(&form, &ex->arena, &name, &value, &failed)) {
        if (++count > c->max_form_fields) {
            metrics_bound_met(METRIC_max_form_fields, ex->id);
            return "The form has more fields than max_form_fields.\n";
        }
        if (slice_eq(name, SLICE("topic"))) {
            if (f->topic_count == c->max_topics_per_publish) {
                metrics_bound_met(METRIC_max_topics_per_publish, ex->id);
                return "The update has more topics than max_topics_per_publish.\n";
            }
            f->topics[f->topic_count++] = value;
        } else if (slice_eq(name, SLICE("data"))) {
            take_first(value, &f->data, &f->has_data);
        } else if (slice_eq(name, SLICE("id"))) {
            take_first(value, &f->id, &f->has_id);
        } else if (slice_eq(name, SLICE("type"))) {
            take_first(value, &f->type, &f->has_type);
        } else if (slice_eq(name, SLICE("retry"))) {
            take_first(value, &f->retry, &f->has_retry);
        } else if (slice_eq(name, SLICE("private"))) {
            f->is_private = true;
        }
    }
    return failed ? "The form is too large.\n" : NULL;
}

static bool
has_byte(struct slice s, bool (*bad)(unsigned char))
{
    for (size_t i = 0; i < s.len; i++)
        if (bad((unsigned char)s.ptr[i]))
            return true;
    return false;
}

static bool
is_control(unsigned char c)
{
    return c < 0x20 || c == 0x7f;
}

static bool
breaks_a_line(unsigned char c)
{
    return c == 0 || c == '\r' || c == '\n';
}

static const char *
judge_fields(struct fields *f)
{
    uint64_t number;
    if (f->topic_count == 0)
        return "The field topic is missing.\n";
    if (has_byte(f->id, is_control))
        return "The field id holds a control character.\n";
    if (has_byte(f->type, breaks_a_line))
        return "The field type holds a line break or NUL.\n";
    if (f->retry.len && !slice_u64(f->retry, UINT64_MAX, &number))
        return "The field retry is not a number of milliseconds.\n";
    while (f->retry.len && f->retry.ptr[0] == '0')
        f->retry = slice_from(f->retry, 1);
    return NULL;
}

/* Of 0.x, by path prefix: topics under the hub's own path belong to the hub. */
static bool
is_reserved(const struct config *c, struct arena *arena, struct slice topic)
{
    struct slice decoded;
    if (!percent_decode(arena, topic, &decoded))
        return true;
    return slice_find(decoded, SLICE("/.well-known/mercure")) < decoded.len ||
           slice_find(decoded, slice_of(c->path)) < decoded.len;
}

static void
answer(struct exchange *ex, enum publish_outcome outcome, struct slice id)
{
    struct reply r;
    if (outcome != PUBLISH_COMMITTED) {
        metrics_count(METRIC_publishes_failed);
        reply_text(ex, 503,
                   outcome == PUBLISH_STOPPED ? SLICE("The hub is stopping.\n")
                                              : SLICE("The update could not be stored.\n"));
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
        hub->config->max_pending_bytes) {
        atomic_fetch_sub(&hub->pending_bytes, update->size);
        update_unref(&update);
        on_body_refused(ex, 503);
        return;
    }
    atomic_fetch_add(&hub->publishes_underway, 1);
    p->update = update_ref(update);
    p->underway = true;
    p->request.message.receive = on_answer;
    p->request.origin = ex->worker;
    p->request.update = update;
    exchange_wait(ex);
    transport_publish(hub->transport, &p->request);
}

static void
on_body(struct exchange *ex)
{
    struct publication *p = ex->state;
    struct fields f;
    const char *fault = read_fields(ex, &f);
    if (fault == NULL)
        fault = judge_fields(&f);
    if (fault) {
        reply_text(ex, 400, slice_of(fault));
        return;
    }
    for (size_t i = 0; i < f.topic_count; i++) {
        if (is_reserved(ex->config, &ex->arena, f.topics[i])) {
            reply_text(ex, 403, SLICE("The topic lies under the hub's own path.\n"));
            return;
        }
        struct topic topic = topic_of(f.topics[i]);
        bool granted = grant_allows_publish(p->grant, &topic);
        topic_fini(&topic);
        if (!granted) {
            refuse(ex, TOKEN_TOPIC_NOT_GRANTED, p->grant);
            return;
        }
    }
    char fresh[IDS_URN_LEN + 1];
    bool id_is_chosen = f.id.len > 0;
    if (!id_is_chosen) {
        struct id_source *ids = worker_ids(ex->worker);
        if (ex->config->id_format_uuid4)
            id_uuid4(ids, fresh);
        else
            id_uuid7(ids, fresh);
        f.id = SLICE_OF(fresh, IDS_URN_LEN);
    }
    const struct update_parts parts = {.topics = f.topics,
                                       .topic_count = f.topic_count,
                                       .id = f.id,
                                       .type = f.type,
                                       .data = f.data,
                                       .retry = f.retry,
                                       .is_private = f.is_private,
                                       .id_is_chosen = id_is_chosen};
    bool too_large;
    struct update *update = update_new(&parts, p->hub->max_update_size, &too_large);
    if (update) {
        hand_over(ex, p, update);
    } else if (too_large) {
        metrics_bound_met(METRIC_max_update_size, ex->id);
        reply_text(ex, 413, SLICE("The update, formatted, is larger than max_update_size.\n"));
    } else {
        on_body_refused(ex, 503);
    }
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

const struct exchange_handler hub_publish_handler = {
    .on_head = on_head,
    .on_body = on_body,
    .on_body_refused = on_body_refused,
    .on_gone = on_gone,
};
