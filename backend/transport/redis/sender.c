/* sender - one call at a time, of all that waits.
 *
 *     waiting ──number──> sent ──read back──> answered
 *                          │ ^
 *           session ended  v │ asked again, with the same numbers, before anything newer
 *                         again
 *
 * A publish is confirmed when the live connection has read it back, so the answer of a call matters
 * for errors alone, and for numbers that have no record: what stands before the end that the server
 * has told, and is not among what was read up to there, was passed over by the script, or went with
 * a stretch that this hub never saw.
 *
 * What one gets wrong: a number is never given twice. Another hub may put back what the server had
 * forgotten, and a second update of that number would be taken for it. */

#include "transport/redis/sender.h"

#include "base/clock.h"
#include "base/log.h"
#include "metrics/metrics.h"
#include "transport/redis/answer.h"

#include <sys/random.h>

enum {
    CALL_UPDATES = 512,
    CALL_BYTES = 1 << 20, /* the server does nothing else meanwhile */
    TICK_LEAST_MS = 250,
    TICK_MOST_MS = 2000,
    TICK_PARTS = 32, /* of max_age */
    MS = 1000000,    /* in ns */
    NODE_BITS = 48,
    PUBLISH_ARGS = 7,
};

void
sender_init(struct sender *s, struct session *session, struct broadcast *broadcast,
            const struct transport_settings *settings)
{
    *s = (struct sender){.session = session,
                         .broadcast = broadcast,
                         .settings = settings,
                         .next_number = 1,
                         .is_whole = true};
    while (getrandom(&s->node, sizeof s->node, 0) != (ssize_t)sizeof s->node)
        ;
    s->node >>= 64 - NODE_BITS;
    list_init(&s->sent);
    list_init(&s->again);
    list_init(&s->waiting);
    list_init(&s->stored);
}

static struct transport_publish *
publish_at(struct list *node)
{
    return CONTAINER_OF(node, struct transport_publish, message.node);
}

/* --- answers ---------------------------------------------------------------------------------- */

/* What was not read back of it is let go. */
static void
answer(struct sender *s, struct transport_publish *p, enum publish_outcome outcome)
{
    list_unlink(&p->message.node);
    for (uint32_t i = p->committed; i < p->count; i++)
        update_unref(&p->updates[i]);
    p->outcome = outcome;
    if (p->origin)
        broadcast_answer(s->broadcast, p->origin, &p->message);
    else
        p->message.receive(NULL, &p->message);
}

static void
answer_all(struct sender *s, struct list *publishes, enum publish_outcome outcome)
{
    while (!list_is_empty(publishes))
        answer(s, publish_at(publishes->next), outcome);
}

static bool
has_waited(const struct transport_publish *p, uint64_t since_ms)
{
    return p->updates[p->committed]->made_ns / MS < since_ms;
}

/* The oldest stand first. What was asked for may be there. */
static void
expire(struct sender *s, struct list *publishes, uint64_t since_ms, enum publish_outcome outcome)
{
    while (!list_is_empty(publishes) && has_waited(publish_at(publishes->next), since_ms)) {
        metrics_bound_met(METRIC_publish_timeout, 0);
        answer(s, publish_at(publishes->next), outcome);
    }
}

static void
expire_all(struct sender *s, uint64_t now_ms)
{
    uint64_t patience = s->session->settings->publish_timeout_ms;
    uint64_t since = now_ms > patience ? now_ms - patience : 0;
    expire(s, &s->sent, since, PUBLISH_FAILED);
    expire(s, &s->again, since, PUBLISH_FAILED);
    expire(s, &s->waiting, since, PUBLISH_REFUSED);
}

/* --- read back -------------------------------------------------------------------------------- */

/* Where that many replicas are asked for, it waits for them. */
static void
finish(struct sender *s, struct transport_publish *p)
{
    uint64_t last = p->number + p->count - 1;
    if (s->session->settings->replicas == 0 || last <= s->replicated_upto) {
        answer(s, p, PUBLISH_COMMITTED);
    } else if (last <= s->short_upto) {
        metrics_bound_met(METRIC_replicas, 0);
        answer(s, p, PUBLISH_FAILED);
    } else {
        list_unlink(&p->message.node);
        list_append(&s->stored, &p->message.node);
    }
}

static struct transport_publish *
first_asked(struct sender *s)
{
    struct list *from = list_is_empty(&s->sent) ? &s->again : &s->sent;
    return list_is_empty(from) ? NULL : publish_at(from->next);
}

/* The store had it and this hub will not read it: retention took it before, or the script passed it
 * over, as an end that somebody else has written. */
static void
pass_over(struct sender *s, struct transport_publish *p, uint64_t upto)
{
    if (p->committed == 0)
        p->before = s->session->spare->end;
    while (p->committed < p->count && p->number + p->committed <= upto)
        update_unref(&p->updates[p->committed++]);
    if (p->committed == p->count)
        finish(s, p);
}

/* Numbers up to this one have no record that is still to come. */
static void
pass_over_upto(struct sender *s, uint64_t number)
{
    struct transport_publish *p;
    while ((p = first_asked(s)) != NULL && p->number + p->committed <= number)
        pass_over(s, p, number);
}

struct update *
sender_confirm(struct sender *s, const struct entry *r)
{
    if (r->origin.node != s->node)
        return NULL;
    pass_over_upto(s, r->origin.number - 1);
    struct transport_publish *p = first_asked(s);
    if (p == NULL || p->number + p->committed != r->origin.number)
        return NULL; /* it was given up */
    struct update *u = p->updates[p->committed];
    u->position = r->position;
    u->id_is_chosen |= (r->origin.flags & ENTRY_AGAIN) != 0;
    p->updates[p->committed] = NULL;
    if (p->committed++ == 0)
        p->before = r->before;
    if (p->committed == p->count)
        finish(s, p);
    return u;
}

void
sender_reached(struct sender *s, struct position at)
{
    if (s->accepted_upto && position_cmp(at, s->accepted) >= 0)
        pass_over_upto(s, s->accepted_upto);
}

/* --- calls ------------------------------------------------------------------------------------ */

/* What the server says to updates that it does not take: nothing of the call is there. */
static void
refuse_call(struct sender *s)
{
    while (s->last >= s->first && !list_is_empty(&s->sent)) {
        struct transport_publish *p = publish_at(s->sent.prev);
        if (p->number + p->count - 1 < s->first)
            break;
        answer(s, p, p->number < s->fresh ? PUBLISH_FAILED : PUBLISH_REFUSED);
    }
}

/* Once a second. */
static void
tell_refusal(const struct session *session, const struct answer *meaning, struct slice text)
{
    static struct log_limit limit;
    struct error said;
    uint64_t more;
    metrics_said(METRICS_REDIS_REFUSED, meaning->reason);
    answer_say(meaning, text, session->settings->login.user, session->settings->stream, &said);
    if (log_allowed(&limit, &more))
        log_line(LOG_ERROR, "redis_refuses", "error=%s why=%s suppressed=%llu", meaning->reason,
                 log_slice((char[600]){0}, 600, slice_of(said.text)), (unsigned long long)more);
}

static void
ask_again(struct sender *s)
{
    list_splice(&s->sent, &s->again);
    list_splice(&s->again, &s->sent);
}

/* Wrote, position, more, events, bytes, oldest, removed. */
static bool
read_accepted(struct sender *s, const struct resp *a)
{
    struct position removed;
    if (a->kind != RESP_ARRAY || a->count < 7 || a->items[0].kind != RESP_INTEGER ||
        a->items[2].kind != RESP_INTEGER || a->items[3].kind != RESP_INTEGER ||
        a->items[4].kind != RESP_INTEGER || a->items[5].kind != RESP_INTEGER ||
        !entry_place_read(a->items[1].text, &s->accepted) ||
        !entry_place_read(a->items[6].text, &removed))
        return false;
    s->wants_more = a->items[2].integer == 1;
    s->held.events = (uint64_t)a->items[3].integer;
    s->held.bytes = (uint64_t)a->items[4].integer;
    s->held.oldest_ms = (uint64_t)a->items[5].integer;
    spare_forget(s->session->spare, removed);
    return true;
}

static void
note_lag(struct sender *s)
{
    struct position end = s->session->spare->end;
    bool lags = s->accepted.run == end.run && s->accepted.sequence > end.sequence;
    uint64_t lag = lags ? s->accepted.sequence - end.sequence : 0;
    metrics_add(METRIC_redis_lag_bytes, lag - s->lag); /* modulo 2^64 */
    s->lag = lag;
}

static void
on_accepted(void *owner, const struct resp *a)
{
    struct sender *s = owner;
    s->unanswered--;
    if (read_accepted(s, a)) {
        note_lag(s);
        if (s->last >= s->first) {
            s->accepted_upto = s->last;
            metrics_took(METRIC_commit, clock_mono_ns() - s->began_ns);
        }
        sender_reached(s, s->session->spare->end);
        return;
    }
    const struct answer *meaning =
        answer_find(a->kind == RESP_ERROR ? a->text : SLICE("of another shape"));
    if (meaning->effect == ANSWER_WHOLE) {
        s->is_whole = true;
        ask_again(s);
    } else if (meaning->effect == ANSWER_REFUSED) {
        tell_refusal(s->session, meaning, a->text);
        refuse_call(s);
    } else {
        s->session->repair = slice_find(a->text, SLICE("equal or smaller")) < a->text.len;
        session_fail_with(s->session, "publishing", a);
    }
    s->last = s->first - 1; /* it brought nothing, whatever the replicas have */
}

static void
on_replicated(void *owner, const struct resp *a)
{
    struct sender *s = owner;
    s->unanswered--;
    bool enough = a->kind == RESP_INTEGER && a->integer >= (int64_t)s->session->settings->replicas;
    if (enough)
        s->replicated_upto = s->last;
    else
        s->short_upto = s->last;
    while (!list_is_empty(&s->stored)) {
        struct transport_publish *p = publish_at(s->stored.next);
        if (p->number + p->count - 1 > s->last)
            break;
        if (!enough)
            metrics_bound_met(METRIC_replicas, 0);
        answer(s, p, enough ? PUBLISH_COMMITTED : PUBLISH_FAILED);
    }
}

static void
ask_replicas(struct sender *s, uint64_t now_ms)
{
    const struct redis_settings *c = s->session->settings;
    struct buf *out =
        talk_ask(&s->session->talks[TALK_PUBLISH], now_ms + 2 * c->timeout_ms, on_replicated, s);
    s->unanswered++;
    resp_begin(out, 3);
    resp_add(out, SLICE("WAIT"));
    resp_add_number(out, c->replicas);
    resp_add_number(out, c->timeout_ms);
}

static uint32_t
left_of(const struct transport_publish *p)
{
    return p->count - p->committed;
}

/* Moves what a call takes behind `sent`: whole groups, one at least. Returns how many updates. */
static size_t
gather(struct sender *s)
{
    size_t count = 0, bytes = 0, most = s->settings->max_batch_bytes;
    most = most < CALL_BYTES ? most : CALL_BYTES;
    s->first = 1;
    while (count < CALL_UPDATES && bytes < most) {
        bool is_new = list_is_empty(&s->again);
        struct list *from = is_new ? &s->waiting : &s->again;
        if (list_is_empty(from))
            break;
        struct transport_publish *p = publish_at(from->next);
        if (is_new) {
            p->number = s->next_number;
            s->next_number += p->count;
        }
        uint64_t number = p->number + p->committed;
        if (count == 0)
            s->first = number;
        else if (number != s->first + count)
            break; /* what stood between was given up */
        for (uint32_t i = p->committed; i < p->count; i++)
            bytes += p->updates[i]->size;
        count += left_of(p);
        list_unlink(&p->message.node);
        list_append(&s->sent, &p->message.node);
    }
    s->last = s->first + count - 1;
    return count;
}

static void
add_updates(struct sender *s, struct buf *out)
{
    struct list *node = s->sent.next;
    while (publish_at(node)->number + publish_at(node)->count - 1 < s->first)
        node = node->next;
    for (; node != &s->sent; node = node->next) {
        const struct transport_publish *p = publish_at(node);
        for (uint32_t i = p->committed; i < p->count; i++) {
            bool again = p->number + i <= s->again_upto;
            metrics_add(METRIC_redis_resent, p->number + i < s->fresh);
            resp_add_number(out, entry_flags(p->updates[i]) | (again ? ENTRY_AGAIN : 0));
            entry_add(out, p->updates[i]);
        }
    }
}

/* Age goes on where nothing is published. Not all hubs at once. */
static uint64_t
tick(struct sender *s)
{
    uint64_t ms = s->settings->max_age_ms / TICK_PARTS;
    ms = ms < TICK_LEAST_MS ? TICK_LEAST_MS : ms > TICK_MOST_MS ? TICK_MOST_MS : ms;
    return ms / 2 + id_random(&s->session->random) % ms;
}

static void
call(struct sender *s, uint64_t now_ms)
{
    struct session *session = s->session;
    const struct transport_settings *t = s->settings;
    size_t count = gather(s);
    struct buf *out = session_ask(session, TALK_PUBLISH, now_ms, on_accepted, s);
    script_begin(out, SCRIPT_PUBLISH, &session->keys, s->is_whole, PUBLISH_ARGS + 4 * count);
    resp_add_number(out, session->run);
    entry_add_node(out, s->node);
    resp_add_number(out, s->first);
    resp_add_number(out,
                    session->spare->end.run == session->run ? session->spare->end.sequence : 0);
    resp_add_number(out, t->max_bytes);
    resp_add_number(out, t->max_events);
    resp_add_number(out, t->max_age_ms);
    s->fresh = s->asked_upto + 1;
    if (count)
        add_updates(s, out);
    s->unanswered = 1;
    if (count && s->last > s->asked_upto)
        s->asked_upto = s->last;
    if (count && session->settings->replicas)
        ask_replicas(s, now_ms);
    s->asked_run = session->run;
    s->is_whole = s->wants_more = false;
    s->began_ns = clock_mono_ns();
    s->tick_ms = now_ms + tick(s);
}

static bool
has_work(const struct sender *s)
{
    return !list_is_empty(&s->again) || !list_is_empty(&s->waiting);
}

/* What can never be held. */
static void
refuse_large(struct sender *s, struct transport_publish *p)
{
    bool is_large = false;
    for (uint32_t i = 0; i < p->count; i++)
        is_large |= entry_size(p->updates[i]) > s->settings->max_bytes / 2;
    if (is_large)
        answer(s, p, PUBLISH_TOO_LARGE);
}

void
sender_take(struct sender *s, struct list *publishes)
{
    struct list *node;
    while ((node = list_shift(publishes)) != NULL) {
        list_append(&s->waiting, node);
        refuse_large(s, publish_at(node));
    }
}

void
sender_add(struct sender *s, struct transport_publish *p)
{
    list_append(&s->waiting, &p->message.node);
}

void
sender_work(struct sender *s, uint64_t now_ms)
{
    expire_all(s, now_ms);
    if (s->session->state != SESSION_OPEN || s->session->failed || s->unanswered)
        return;
    if (has_work(s) ? !broadcast_lags(s->broadcast) : s->wants_more || now_ms >= s->tick_ms)
        call(s, now_ms);
}

uint64_t
sender_deadline(const struct sender *s)
{
    bool may_tick = s->session->state == SESSION_OPEN && !s->unanswered && !has_work(s);
    uint64_t at = may_tick ? s->tick_ms : UINT64_MAX;
    const struct list *const lists[] = {&s->sent, &s->again, &s->waiting};
    for (size_t i = 0; i < COUNT_OF(lists); i++) {
        if (list_is_empty(lists[i]))
            continue;
        const struct transport_publish *p = publish_at(lists[i]->next);
        uint64_t due =
            p->updates[p->committed]->made_ns / MS + s->session->settings->publish_timeout_ms + 1;
        at = due < at ? due : at;
    }
    return at;
}

bool
sender_is_empty(const struct sender *s)
{
    return list_is_empty(&s->sent) && list_is_empty(&s->again) && list_is_empty(&s->waiting) &&
           list_is_empty(&s->stored);
}

void
sender_opened(struct sender *s)
{
    if (s->asked_run != s->session->run)
        s->again_upto = s->asked_upto;
    s->is_whole = true;
    s->accepted_upto = 0;
    s->tick_ms = 0;
}

void
sender_ended(struct sender *s)
{
    s->unanswered = 0;
    s->replicated_upto = s->short_upto = 0;
    s->wants_more = false;
    ask_again(s);
    answer_all(s, &s->stored, PUBLISH_FAILED); /* read back, and how many have it is not known */
}

void
sender_stop(struct sender *s)
{
    answer_all(s, &s->stored, PUBLISH_FAILED);
    answer_all(s, &s->sent, PUBLISH_FAILED);
    answer_all(s, &s->again, PUBLISH_FAILED);
    answer_all(s, &s->waiting, PUBLISH_REFUSED);
}
