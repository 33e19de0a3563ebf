/* presence - a stream's active subscriptions, from their begins to their departure.
 *
 * Room is reserved for begin and end of each; then all begins go to the transport as one message,
 * so that they stand together in the order, and the stream has its head when they are committed: a
 * collection that its client asks for then has them. The transport's answer says where the stream
 * itself begins.
 *
 *     presence    made by presence_begin(); given up by presence_end(), and freed then, or, where
 *                 its begins are on their way, when the answer comes: what they began departs then
 *     beginning   while that answer is awaited; freed with it */

#include "hub/presence.h"

#include "base/alloc.h"
#include "base/log.h"
#include "hub/trace.h"
#include "metrics/metrics.h"
#include "transport/active_update.h"
#include "transport/registry.h"

#include <stdlib.h>
#include <string.h>

struct beginning {
    struct transport_publish publish;
    struct hub_worker *home;
    struct presence *presence;
    presence_begun *begun;
    void *owner; /* NULL: the stream is over */
    struct cursor cursor;
    uint64_t conn;            /* for the log */
    enum departure_kind kind; /* how it was lost, where it is over */
    struct update *updates[];
};

struct presence {
    struct beginning *beginning; /* NULL: over */
    size_t count;
    struct active *all[]; /* owns a reference to each */
};

static struct registry *
registry_of(const struct hub_worker *home)
{
    return transport_registry(home->hub->transport);
}

/* From `kept` on nothing was committed. */
static void
give_back(const struct hub_worker *home, struct presence *p, size_t kept)
{
    while (p->count > kept) {
        registry_release(registry_of(home), p->all[--p->count]);
        active_unref(&p->all[p->count]);
    }
}

static void
depart(struct presence *p, struct hub_worker *home, enum departure_kind kind)
{
    for (size_t i = 0; i < p->count; i++)
        departures_take(home->departures, p->all[i], kind);
    free(p);
}

static void
on_answer(struct worker *worker, struct message *m)
{
    struct beginning *b = CONTAINER_OF(m, struct beginning, publish.message);
    struct presence *p = b->presence;
    (void)worker;
    atomic_fetch_sub(&b->home->hub->publishes_underway, 1);
    metrics_add(METRIC_subscriptions_begun, b->publish.committed);
    give_back(b->home, p, b->publish.committed);
    p->beginning = NULL;
    if (p->count && log_wants(LOG_DEBUG))
        trace_subscriptions_begin(b->conn, p->all[0], b->publish.committed);
    if (b->owner)
        b->begun(b->owner, &b->cursor, &b->publish);
    else
        depart(p, b->home, b->kind);
    free(b);
}

/* --- begins ----------------------------------------------------------------------------------- */

/* Who the token says it is: issuer and subject. Empty: nobody. */
static struct slice
who_is(struct exchange *ex, const struct grant *grant)
{
    struct slice issuer = slice_of(grant ? grant->issuer : NULL),
                 subject = slice_of(grant ? grant->subject : NULL);
    char *text = subject.len ? arena_alloc(&ex->arena, issuer.len + 1 + subject.len) : NULL;
    if (text == NULL)
        return SLICE("");
    if (issuer.len)
        memcpy(text, issuer.ptr, issuer.len);
    text[issuer.len] = '\n';
    memcpy(text + issuer.len + 1, subject.ptr, subject.len);
    return SLICE_OF(text, issuer.len + 1 + subject.len);
}

/* False: no room. */
static bool
add(struct beginning *b, const struct grant *grant, const struct selector *selector,
    struct active_parts *parts)
{
    struct presence *p = b->presence;
    char id[IDS_URN_LEN + 1];
    parts->match = selector->text;
    parts->match_type = selector->type == MATCHER_EXACT        ? SLICE("exact")
                        : selector->type == MATCHER_URLPATTERN ? SLICE("urlpattern")
                                                               : SLICE("");
    if (grant == NULL || !rights_payload(grant->rights, selector->text, &parts->payload))
        parts->payload = SLICE("");
    struct active *active = active_new(parts);
    if (active == NULL || !registry_reserve(registry_of(b->home), active)) {
        active_unref(&active);
        return false;
    }
    p->all[p->count++] = active;
    struct update **begin = &b->updates[b->publish.count];
    *begin = active_update(active, false, hub_new_id(b->home, id));
    b->publish.count += *begin != NULL;
    return *begin != NULL;
}

static bool
add_all(struct beginning *b, struct exchange *ex, const struct grant *grant,
        const struct subscribe_form *q)
{
    char subscriber[IDS_URN_LEN + 1];
    id_uuid4(worker_ids(b->home->worker), subscriber);
    struct active_parts parts = {.dialect = q->cursor.dialect,
                                 .hub = slice_of(b->home->hub->config->path),
                                 .subscriber = SLICE_OF(subscriber, IDS_URN_LEN),
                                 .who = who_is(ex, grant)};
    for (size_t i = 0; i < q->count; i++)
        if (!add(b, grant, &q->selectors[i], &parts))
            return false;
    return true;
}

static void
give_up(struct beginning *b)
{
    give_back(b->home, b->presence, 0);
    while (b->publish.count)
        update_unref(&b->updates[--b->publish.count]);
    free(b->presence);
    free(b);
}

struct presence *
presence_begin(struct hub_worker *home, struct exchange *ex, const struct grant *grant,
               const struct subscribe_form *q, presence_begun *begun, void *owner)
{
    struct presence *p = xalloc(sizeof *p + q->count * sizeof(struct active *));
    struct beginning *b = xalloc(sizeof *b + q->count * sizeof(struct update *));
    p->beginning = b;
    b->home = home;
    b->presence = p;
    b->begun = begun;
    b->owner = owner;
    b->cursor = q->cursor;
    b->conn = ex->id;
    if (!add_all(b, ex, grant, q)) {
        give_up(b);
        return NULL;
    }
    b->publish.message.receive = on_answer;
    b->publish.origin = home->worker;
    b->publish.updates = b->updates;
    atomic_fetch_add(&home->hub->publishes_underway, 1);
    transport_publish(home->hub->transport, &b->publish);
    return p;
}

/* --- ends ------------------------------------------------------------------------------------- */

void
presence_end(struct presence **ref, struct hub_worker *home, enum departure_kind kind)
{
    struct presence *p = *ref;
    *ref = NULL;
    if (p && p->beginning) {
        p->beginning->owner = NULL;
        p->beginning->kind = kind;
    } else if (p) {
        depart(p, home, kind);
    }
}

bool
presence_is_own(const struct presence *p, const struct update *u)
{
    const struct active *one = p && p->count ? p->all[0] : NULL;
    return one && slice_ends(u->topics[0].text, slice_from(one->id, one->collection_len));
}
