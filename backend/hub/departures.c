/* departures - the end of a subscription is not always the end of a visit.
 *
 * A page that asks for one more topic closes its stream and opens another; a token ends and the
 * browser is back within its retry:. Were the end told at once, everybody else would see somebody
 * leave and come. So an end is held back, and the collections go on showing the subscription (which
 * is active until its end is committed, here as everywhere). If meanwhile a begin is committed that
 * is the same, the end is published at once: everybody sees the begin, and then the end.
 *
 * What is the same: equal dialect, matcher (type and string), issuer and subject of the token, and
 * payload. Who has no subject, or no token, is nobody and never the same as anybody: those ends
 * wait for their time. A begin makes nothing of somebody else's end but that it comes sooner, and
 * none is ever left out: who wants to hasten the ends of a person must have a token of the same
 * issuer for the same person, and would see nothing by it but what is true. Several that are the
 * same (three tabs closed, one opened) end together: who counts comes from three to four to one.
 *
 *     departure   made by departures_take(), held back in the list of its kind, under way when its
 *                 time is over or it was met (then it is among the `ready` ones before); freed when
 *                 its end is committed. What fails is ready again, and tried each second.
 *     sameness    those held back that are the same; made with the first, freed with the last
 *
 * A front that speaks multicast may bring the stream itself back, by any worker, with all that it
 * has begun: then there is neither end nor begin. The subscription is taken over
 * (active_take_over()), and what is still on a list here is forgotten when its time is over.
 *
 * A list of a kind is in the order of leaving, so that its first is always the next that is due,
 * also where a reload changes the times. Nothing here needs a bound of its own: room for an end was
 * reserved with the begin (transport/registry.h). Ends go in groups, one group at a time: a hundred
 * thousand that are due together hold up nobody for longer than one group takes. While the hub
 * stops nothing is published: what is active then is in the history as such, and worker 0 of the
 * next start takes it here. */

#include "hub/departures.h"

#include "base/alloc.h"
#include "base/log.h"
#include "hub/linear_hash.h"
#include "hub/trace.h"
#include "metrics/metrics.h"
#include "transport/active_update.h"
#include "transport/registry.h"

#include <stdlib.h>

enum {
    GROUP_ENDS = 256, /* at most, and... */
    GROUP_BYTES = 1 << 20,
    RETRY_MS = 1000,
};

struct sameness {
    struct entry entry; /* in samenesses */
    uint64_t same;
    struct list all; /* by departure.mate */
};

struct departure {
    struct list node;          /* in held, ready or underway */
    struct list mate;          /* of the same, while it is held back */
    struct sameness *sameness; /* NULL: it is the same as nobody, or not held back */
    struct active *active;     /* owns a reference */
    uint64_t since_ms;
    unsigned standing;
    bool is_back; /* a begin that is the same has let it go */
    bool is_ours; /* nobody takes it over any more */
};

struct departures {
    struct hub_worker *home;
    struct list held[DEPARTURE_KINDS], ready, underway;
    struct linear_hash samenesses;
    struct timer timer;
    uint64_t again_ms; /* a group failed: none before that */
    struct turn_hook hook;
    struct transport_publish publish;
    struct update *ends[GROUP_ENDS]; /* of `underway`, in its order */
    struct transport_orphans orphans;
};

static void on_timer(struct timer *);
static void on_end_of_turn(struct turn_hook *);
static void on_orphans(struct worker *, struct message *);

struct departures *
departures_new(struct hub_worker *home)
{
    struct departures *d = xalloc(sizeof *d);
    d->home = home;
    for (size_t i = 0; i < DEPARTURE_KINDS; i++)
        list_init(&d->held[i]);
    list_init(&d->ready);
    list_init(&d->underway);
    linear_hash_init(&d->samenesses);
    timer_init(&d->timer, on_timer);
    d->hook.run = on_end_of_turn;
    worker_add_hook(home->worker, &d->hook);
    return d;
}

static struct departure *
first_of(const struct list *list)
{
    return CONTAINER_OF(list->next, struct departure, node);
}

/* --- who is the same -------------------------------------------------------------------------- */

static bool
is_same(const struct entry *e, const void *what)
{
    return CONTAINER_OF(e, const struct sameness, entry)->same == *(const uint64_t *)what;
}

static struct sameness *
find_sameness(const struct departures *d, uint64_t same)
{
    struct entry *e = linear_hash_find(&d->samenesses, (uint32_t)same, is_same, &same);
    return e ? CONTAINER_OF(e, struct sameness, entry) : NULL;
}

static void
join_sameness(struct departures *d, struct departure *one)
{
    uint64_t same = one->active->same;
    one->sameness = find_sameness(d, same);
    if (one->sameness == NULL) {
        one->sameness = xalloc(sizeof *one->sameness);
        one->sameness->same = same;
        one->sameness->entry.hash = (uint32_t)same;
        list_init(&one->sameness->all);
        linear_hash_add(&d->samenesses, &one->sameness->entry);
    }
    list_append(&one->sameness->all, &one->mate);
}

static void
leave_sameness(struct departures *d, struct departure *one)
{
    struct sameness *s = one->sameness;
    one->sameness = NULL;
    if (s == NULL)
        return;
    list_unlink(&one->mate);
    if (!list_is_empty(&s->all))
        return;
    linear_hash_remove(&d->samenesses, &s->entry);
    free(s);
}

/* --- held back -------------------------------------------------------------------------------- */

static uint64_t
due_of(const struct departures *d, size_t kind)
{
    const struct config *c = d->home->rules->config;
    return first_of(&d->held[kind])->since_ms +
           (kind == DEPARTURE_CLOSE ? c->hold_back_ms : c->hold_back_return_ms);
}

static void
arm(struct departures *d)
{
    uint64_t now = worker_now_ms(d->home->worker), due = d->again_ms > now ? d->again_ms : 0;
    for (size_t i = 0; i < DEPARTURE_KINDS; i++)
        if (!list_is_empty(&d->held[i]) && (due == 0 || due_of(d, i) < due))
            due = due_of(d, i);
    timer_disarm(&d->timer);
    if (due)
        timer_arm(worker_timers(d->home->worker), &d->timer, due > now ? due - now : 1);
}

/* It was awake for the end of this turn. */
static void
on_timer(struct timer *t)
{
    arm(CONTAINER_OF(t, struct departures, timer));
}

void
departures_retime(struct departures *d)
{
    arm(d);
}

static struct departure *
take(struct departures *d, struct active *active, unsigned standing, enum departure_kind kind)
{
    struct departure *one = xalloc(sizeof *one);
    bool is_next = list_is_empty(&d->held[kind]);
    one->active = active;
    one->standing = standing;
    one->since_ms = worker_now_ms(d->home->worker);
    list_append(&d->held[kind], &one->node);
    if (active->same)
        join_sameness(d, one);
    metrics_add(METRIC_subscriptions_held_back, 1);
    if (is_next)
        arm(d);
    return one;
}

void
departures_take(struct departures *d, struct active *active, unsigned standing,
                enum departure_kind kind)
{
    take(d, active, standing, kind);
}

static void
let_go(struct departures *d, struct departure *one)
{
    one->is_back = true;
    list_unlink(&one->node);
    list_append(&d->ready, &one->node);
    leave_sameness(d, one); /* the last takes it along */
}

/* A worker may come to a begin when the stream is over already: that one, and those before it, tell
 * of nobody who came back. */
void
departures_meet(struct departures *d, const struct update *begin)
{
    uint64_t same = begin->active->same;
    struct sameness *s = same ? find_sameness(d, same) : NULL;
    for (struct list *node = s ? s->all.next : NULL; node;) {
        struct departure *one = CONTAINER_OF(node, struct departure, mate);
        node = node->next == &s->all ? NULL : node->next;
        if (position_cmp(one->active->begun, begin->position) < 0)
            let_go(d, one);
    }
}

static void
adopt_all_of(struct departures *d, enum dialect dialect)
{
    struct registry *registry = transport_registry(d->home->hub->transport);
    struct registry_walk walk;
    struct active *some[GROUP_ENDS];
    struct buf ignored;
    buf_init(&ignored, SIZE_MAX);
    registry_walk_begin(registry, &walk, dialect, SLICE(""), &ignored);
    for (size_t count; (count = registry_walk_next(&walk, some, COUNT_OF(some))) > 0;)
        for (size_t i = 0; i < count; i++)
            departures_take(d, some[i], 0, DEPARTURE_RETURN);
    registry_walk_end(&walk);
    buf_fini(&ignored);
}

void
departures_adopt(struct departures *d)
{
    for (int i = 0; i < DIALECTS; i++)
        adopt_all_of(d, (enum dialect)i);
}

static bool
ask_for_orphans(struct departures *d)
{
    d->orphans =
        (struct transport_orphans){.message.receive = on_orphans, .origin = d->home->worker};
    return transport_orphans(d->home->hub->transport, &d->orphans);
}

static void
on_orphans(struct worker *worker, struct message *m)
{
    struct departures *d = CONTAINER_OF(m, struct departures, orphans.message);
    const struct transport_orphans *o = &d->orphans;
    (void)worker;
    for (uint32_t i = 0; i < o->count; i++) {
        struct departure *one =
            take(d, o->all[i], 0, o->kind == ORPHAN_DEAD ? DEPARTURE_CLOSE : DEPARTURE_RETURN);
        one->is_ours = true; /* nobody takes over what was another hub's */
        if (o->kind == ORPHAN_BACK)
            let_go(d, one);
    }
    if (o->count)
        ask_for_orphans(d);
}

bool
departures_await_orphans(struct departures *d)
{
    return ask_for_orphans(d);
}

/* --- ended ------------------------------------------------------------------------------------ */

static void
forget(struct departures *d, struct departure *one)
{
    leave_sameness(d, one);
    list_unlink(&one->node);
    active_unref(&one->active);
    free(one);
    metrics_sub(METRIC_subscriptions_held_back, 1);
}

void
departures_free(struct departures **ref)
{
    struct departures *d = *ref;
    *ref = NULL;
    if (d == NULL)
        return;
    for (size_t i = 0; i < DEPARTURE_KINDS; i++)
        list_splice(&d->ready, &d->held[i]);
    list_splice(&d->ready, &d->underway);
    while (!list_is_empty(&d->ready))
        forget(d, first_of(&d->ready));
    linear_hash_fini(&d->samenesses);
    free(d);
}

static void
try_again_later(struct departures *d)
{
    list_splice(&d->underway, &d->ready); /* they stay the first */
    list_splice(&d->ready, &d->underway);
    d->again_ms = worker_now_ms(d->home->worker) + RETRY_MS;
}

static void
on_answer(struct worker *worker, struct message *m)
{
    struct departures *d = CONTAINER_OF(m, struct departures, publish.message);
    atomic_fetch_sub(&d->home->hub->publishes_underway, 1);
    metrics_add(METRIC_subscriptions_ended, d->publish.committed);
    for (uint32_t i = 0; i < d->publish.committed; i++) {
        struct departure *one = first_of(&d->underway);
        if (log_wants(LOG_DEBUG))
            trace_subscription_end(one->active, worker_now_ms(worker) - one->since_ms,
                                   one->is_back);
        forget(d, one);
    }
    if (d->publish.outcome != PUBLISH_COMMITTED)
        try_again_later(d);
    arm(d);
}

/* NULL: none is met or due. */
static struct departure *
find_next(const struct departures *d)
{
    uint64_t now = worker_now_ms(d->home->worker);
    if (!list_is_empty(&d->ready))
        return first_of(&d->ready);
    for (size_t i = 0; i < DEPARTURE_KINDS; i++)
        if (!list_is_empty(&d->held[i]) && due_of(d, i) <= now)
            return first_of(&d->held[i]);
    return NULL;
}

/* False: there is no memory for its end. */
static bool
add_to_group(struct departures *d, struct departure *one)
{
    char id[IDS_URN_LEN + 1];
    one->is_ours = one->is_ours || active_claim_end(one->active, one->standing);
    if (!one->is_ours) {
        forget(d, one); /* it was taken over */
        return true;
    }
    struct update *end = active_update(one->active, true, hub_new_id(d->home, id));
    if (end == NULL)
        return false;
    d->ends[d->publish.count++] = end;
    leave_sameness(d, one);
    list_unlink(&one->node);
    list_append(&d->underway, &one->node);
    return true;
}

static void
publish_group(struct departures *d, struct departure *one)
{
    struct hub_worker *home = d->home;
    size_t bytes = 0;
    d->publish = (struct transport_publish){
        .message.receive = on_answer, .origin = home->worker, .updates = d->ends};
    bool has_memory = true;
    for (; one && d->publish.count < GROUP_ENDS && bytes < GROUP_BYTES; one = find_next(d)) {
        uint32_t before = d->publish.count;
        if (!(has_memory = add_to_group(d, one)))
            break;
        bytes += d->publish.count > before ? d->ends[before]->size : 0;
    }
    if (d->publish.count == 0) {
        if (!has_memory)
            try_again_later(d);
        arm(d);
        return;
    }
    atomic_fetch_add(&home->hub->publishes_underway, 1);
    transport_publish(home->hub->transport, &d->publish);
}

static void
on_end_of_turn(struct turn_hook *hook)
{
    struct departures *d = CONTAINER_OF(hook, struct departures, hook);
    if (!list_is_empty(&d->underway) || worker_now_ms(d->home->worker) < d->again_ms ||
        atomic_load(&d->home->hub->stopping))
        return;
    struct departure *one = find_next(d);
    if (one)
        publish_group(d, one);
}
