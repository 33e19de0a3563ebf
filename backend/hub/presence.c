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

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    UUID_LEN = 36
};

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

struct begun {
    struct active *active; /* owns a reference */
    unsigned standing;
};

struct presence {
    struct beginning *beginning; /* NULL: over */
    size_t count;
    struct begun all[];
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
        struct active *a = p->all[--p->count].active;
        registry_release(registry_of(home), a);
        active_unref(&a);
    }
}

static void
depart(struct presence *p, struct hub_worker *home, enum departure_kind kind)
{
    for (size_t i = 0; i < p->count; i++)
        departures_take(home->departures, p->all[i].active, p->all[i].standing, kind);
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
        trace_subscriptions_begin(b->conn, p->all[0].active, b->publish.committed);
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

static struct active_parts
parts_of(struct hub_worker *home, struct exchange *ex, const struct grant *grant,
         enum dialect dialect, struct slice subscriber)
{
    return (struct active_parts){.dialect = dialect,
                                 .hub = slice_of(home->hub->config->path),
                                 .subscriber = subscriber,
                                 .who = who_is(ex, grant)};
}

/* NULL: no memory. */
static struct active *
make_active(const struct grant *grant, const struct selector *selector, struct active_parts *parts)
{
    parts->match = selector->text;
    parts->match_type = selector->type == MATCHER_EXACT        ? SLICE("exact")
                        : selector->type == MATCHER_URLPATTERN ? SLICE("urlpattern")
                                                               : SLICE("");
    if (grant == NULL || !rights_payload(grant->rights, selector->text, &parts->payload))
        parts->payload = SLICE("");
    return active_new(parts);
}

/* False: no room. */
static bool
add(struct beginning *b, const struct grant *grant, const struct selector *selector,
    struct active_parts *parts)
{
    struct presence *p = b->presence;
    char id[IDS_URN_LEN + 1];
    struct active *active = make_active(grant, selector, parts);
    if (active == NULL || !registry_reserve(registry_of(b->home), active)) {
        active_unref(&active);
        return false;
    }
    p->all[p->count++].active = active;
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
    struct active_parts parts =
        parts_of(b->home, ex, grant, q->cursor.dialect, SLICE_OF(subscriber, IDS_URN_LEN));
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
    struct presence *p = xalloc(sizeof *p + q->count * sizeof p->all[0]);
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

/* --- going on ----------------------------------------------------------------------------------
 */

/* Of the bytes behind `urn:uuid:`. */
static uint64_t
seal_of(struct hub_worker *home, struct slice uuid)
{
    char text[64];
    int n = snprintf(text, sizeof text, "alipes-ticket\n" SLICE_FMT, SLICE_ARG(uuid));
    return hash_keyed(transport_key(home->hub->transport), SLICE_OF(text, (size_t)n));
}

struct slice
presence_ticket(const struct presence *p, struct hub_worker *home, char text[PRESENCE_TICKET + 1])
{
    if (p == NULL || p->count == 0)
        return SLICE("none");
    struct slice id = p->all[0].active->id, uuid = slice_from(id, id.len - UUID_LEN);
    snprintf(text, PRESENCE_TICKET + 1, SLICE_FMT ".%016llx", SLICE_ARG(uuid),
             (unsigned long long)seal_of(home, uuid));
    return SLICE_OF(text, PRESENCE_TICKET);
}

/* False: it is none of ours. */
static bool
read_ticket(struct hub_worker *home, struct slice ticket, char subscriber[IDS_URN_LEN + 1])
{
    char seal[17];
    struct slice uuid = slice_head(ticket, UUID_LEN);
    if (ticket.len != PRESENCE_TICKET)
        return false;
    snprintf(seal, sizeof seal, "%016llx", (unsigned long long)seal_of(home, uuid));
    if (ticket.ptr[UUID_LEN] != '.' || !slice_eq(slice_from(ticket, UUID_LEN + 1), slice_of(seal)))
        return false;
    snprintf(subscriber, IDS_URN_LEN + 1, "urn:uuid:" SLICE_FMT, SLICE_ARG(uuid));
    return true;
}

/* What is active and as this one, taken over. False: there is none. Takes the reference. */
static bool
take_over(struct hub_worker *home, struct active *like, struct begun *ret)
{
    struct buf ignored;
    if (like == NULL)
        return false;
    buf_init(&ignored, SIZE_MAX);
    ret->active = registry_find(registry_of(home), like->dialect, like->id, &ignored);
    buf_fini(&ignored);
    bool is_like =
        ret->active && ret->active->same == like->same && slice_eq(ret->active->json, like->json);
    active_unref(&like);
    if (is_like && active_take_over(ret->active, &ret->standing))
        return true;
    active_unref(&ret->active);
    return false;
}

struct presence *
presence_go_on(struct hub_worker *home, struct exchange *ex, const struct grant *grant,
               const struct subscribe_form *q)
{
    char subscriber[IDS_URN_LEN + 1];
    if (!read_ticket(home, ex->request->ticket, subscriber))
        return NULL;
    struct active_parts parts =
        parts_of(home, ex, grant, q->cursor.dialect, SLICE_OF(subscriber, IDS_URN_LEN));
    struct presence *p = xalloc(sizeof *p + q->count * sizeof p->all[0]);
    for (size_t i = 0; i < q->count; i++) {
        if (!take_over(home, make_active(grant, &q->selectors[i], &parts), &p->all[i])) {
            depart(p, home, DEPARTURE_RETURN); /* not all of it: then it is another visit */
            return NULL;
        }
        p->count++;
    }
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
    const struct active *one = p && p->count ? p->all[0].active : NULL;
    return one && slice_ends(u->topics[0].text, slice_from(one->id, one->collection_len));
}
