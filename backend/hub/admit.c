/* admit - judged, refused, or asked to wait a moment.
 *
 * A token may name a key that its issuer's set has only had since a minute ago, or come before the
 * first set did. Such a request waits, without a thread of its own, until the set was asked for
 * anew, at most key_wait_timeout, and then its handler begins once more: `has_waited` says that the
 * second judgement is the last one. Where it would have to wait and may not, because the hub stops
 * or too many wait, nothing is known against its token: it cannot be served now.
 *
 * Whoever was put off (for keys, for patterns, by a slow body) begins under the rules of then, not
 * of its head: else what a reload took away would be given behind it.
 *
 * Whoever sends unknown kids by the thousand takes places from others, so each set has a share of
 * them. And a token is called bad only where its set has been heard since: one that finds no place,
 * waits in vain, or whose set does not come, cannot be served now. An EventSource that is told 401
 * never comes back; one that is told to wait does.
 *
 *     waiting   made by hold(), owned by the worker's list; freed when the handler is called again
 *               or the peer left
 *
 * What one gets wrong: while it waits, the exchange belongs to `waiting_handler`; the handler that
 * asked has no state yet. */

#include "hub/admit.h"

#include "auth/fetcher.h"
#include "base/alloc.h"
#include "hub/hub.h"
#include "hub/trace.h"
#include "metrics/metrics.h"
#include "request/credential.h"
#include "request/place.h"
#include "request/reply.h"
#include "request/rules.h"

#include <stdio.h>
#include <stdlib.h>

struct waiting {
    struct list node; /* in home->waiting */
    struct hub_worker *home;
    struct exchange *exchange;
    const struct exchange_handler *handler; /* that shall begin again */
    struct key_source *source;              /* owns a reference */
    uint64_t attempt; /* that may help, or a later one; 0: any that succeeds */
    struct timer timer;
};

static uint64_t
version_of(struct key_source *source)
{
    uint64_t version;
    struct key_set *set = key_source_current(source, &version);
    key_set_unref(&set);
    return version;
}

static void
waiting_free(struct waiting *w)
{
    timer_disarm(&w->timer);
    list_unlink(&w->node);
    key_source_leave_place(w->source);
    key_source_unref(&w->source);
    atomic_fetch_sub(&w->home->hub->key_waits, 1);
    free(w);
}

bool
admit_renew(struct exchange *ex)
{
    struct rules *now = hub_worker_of(ex->worker)->rules;
    if (ex->rules == now)
        return true;
    rules_unref(&ex->rules);
    ex->rules = rules_ref(now);
    ex->config = now->config;
    ex->request->judged = 0; /* nobody was, by these */
    if (place_settle(ex))
        return true;
    reply_other_host(ex);
    return false;
}

/* Gives the exchange back to the handler that asked. */
static struct exchange *
let_go(struct waiting *w)
{
    struct exchange *ex = w->exchange;
    ex->handler = w->handler;
    ex->state = NULL;
    ex->has_waited = true;
    waiting_free(w);
    return ex;
}

static void
begin_again(struct waiting *w, bool has_answer)
{
    struct exchange *ex = let_go(w);
    ex->has_answer = has_answer;
    if (admit_renew(ex))
        ex->handler->on_head(ex);
}

void
admit_end_waiting(struct hub_worker *home)
{
    LIST_EACH(node, after, &home->waiting)
    {
        admit_busy(let_go(CONTAINER_OF(node, struct waiting, node)), "stopping",
                   SLICE("The hub is stopping.\n"));
    }
}

static void
on_timer(struct timer *t)
{
    begin_again(CONTAINER_OF(t, struct waiting, timer), false);
}

static void
on_gone(struct exchange *ex)
{
    waiting_free(ex->state);
}

static const struct exchange_handler waiting_handler = {.on_gone = on_gone};

/* An equal share for each set, but one place at least; within the bound for all. */
static size_t
share(const struct config *c)
{
    size_t sets = c->sources.count ? c->sources.count : 1;
    return c->max_key_waits < sets ? 1 : c->max_key_waits / sets;
}

static bool
take_place(struct hub *hub, const struct exchange *ex, struct key_source *source)
{
    if (atomic_fetch_add(&hub->key_waits, 1) < ex->config->max_key_waits &&
        key_source_take_place(source, share(ex->config)))
        return true;
    atomic_fetch_sub(&hub->key_waits, 1);
    metrics_bound_met(METRIC_max_key_waits, ex->id);
    return false;
}

static void
hold(struct exchange *ex, struct key_source *source, uint64_t attempt)
{
    struct waiting *w = xalloc(sizeof *w);
    w->home = hub_worker_of(ex->worker);
    w->exchange = ex;
    w->handler = ex->handler;
    w->source = key_source_ref(source);
    w->attempt = attempt;
    list_append(&w->home->waiting, &w->node);
    timer_init(&w->timer, on_timer);
    timer_arm(worker_timers(ex->worker), &w->timer, ex->config->key_wait_timeout_ms);
    ex->handler = &waiting_handler;
    ex->state = w;
    metrics_count(METRIC_key_waits);
    exchange_wait(ex);
}

enum outlook {
    OUTLOOK_NONE,    /* the refusal stands */
    OUTLOOK_LATER,   /* it may be another one later */
    OUTLOOK_WAITING, /* the exchange waits for it */
};

static enum outlook
look_out(struct exchange *ex, const struct token_refusal *refusal)
{
    struct hub *hub = hub_worker_of(ex->worker)->hub;
    bool has_set = refusal->fault != TOKEN_NO_KEYS_YET;
    uint64_t attempt = 0;
    if (refusal->source == NULL)
        return OUTLOOK_NONE;
    if (ex->has_waited || hub->fetcher == NULL)
        return has_set && (ex->has_answer || hub->fetcher == NULL) ? OUTLOOK_NONE : OUTLOOK_LATER;
    if (atomic_load(&hub->stopping))
        return OUTLOOK_LATER;
    enum fetch_answer answer =
        has_set ? fetcher_ask(hub->fetcher, refusal->source, &attempt) : FETCH_COMES;
    if (answer != FETCH_COMES)
        return answer == FETCH_HAS_COME ? OUTLOOK_NONE : OUTLOOK_LATER;
    if (!take_place(hub, ex, refusal->source))
        return OUTLOOK_LATER;
    hold(ex, refusal->source, attempt);
    return OUTLOOK_WAITING;
}

void
admit_wake(struct hub_worker *home, struct key_source *source, uint64_t attempt, bool changed)
{
    LIST_EACH(node, after, &home->waiting)
    {
        struct waiting *w = CONTAINER_OF(node, struct waiting, node);
        if (w->source == source && (w->attempt ? w->attempt <= attempt : changed))
            begin_again(w, changed);
    }
}

/* As credential_read(); where the set that did not do was replaced meanwhile, once more. */
static bool
judge(struct exchange *ex, enum role role, struct grant **ret_grant, struct token_refusal *refusal)
{
    struct token_cache *tokens = hub_worker_of(ex->worker)->tokens;
    ex->request->judged = auth_generation();
    if (credential_read(ex, role, tokens, ret_grant, refusal))
        return true;
    if (refusal->source == NULL || version_of(refusal->source) == refusal->source_version)
        return false;
    return credential_read(ex, role, tokens, ret_grant, refusal);
}

/* What to change, where the fault alone does not tell. */
static void
advise(struct token_refusal *refusal, const struct grant *grant)
{
    const char *words = NULL;
    if (refusal->fault == TOKEN_NO_1_0 || refusal->fault == TOKEN_UNKNOWN_ISS)
        words = "to accept it: an issuer block, or its iss in MERCURE_TRUSTED_ISSUERS";
    else if (refusal->fault == TOKEN_NONE && refusal->role == ROLE_SUBSCRIBE)
        words = "anonymous would let this subscriber have public updates";
    else if (refusal->fault == TOKEN_GRANTS_NOTHING && grant)
        words = grant->no_rights;
    if (refusal->detail[0] == 0 && words)
        snprintf(refusal->detail, sizeof refusal->detail, "%s", words);
}

static void
refuse_token(struct exchange *ex, struct token_refusal *refusal)
{
    switch (look_out(ex, refusal)) {
    case OUTLOOK_WAITING:
        return;
    case OUTLOOK_LATER:
        token_refusal_log(refusal, ex->id, 503);
        admit_busy(ex, token_fault_name(TOKEN_NO_KEYS_YET),
                   SLICE("The keys that judge this token are not here yet.\n"));
        return;
    case OUTLOOK_NONE:
        advise(refusal, NULL);
        reply_refusal(ex, refusal);
    }
}

bool
admit_read(struct exchange *ex, enum role role, bool needs_token, struct grant **ret_grant)
{
    struct token_refusal refusal;
    if (!judge(ex, role, ret_grant, &refusal)) {
        refuse_token(ex, &refusal);
        return false;
    }
    if (*ret_grant || !needs_token)
        return true;
    admit_refuse(ex, role, TOKEN_NONE, NULL);
    return false;
}

bool
admit_still(struct exchange *ex, enum role role, struct grant **grant)
{
    if (ex->rules == hub_worker_of(ex->worker)->rules && ex->request->judged == auth_generation())
        return true;
    grant_unref(grant);
    ex->has_waited = ex->has_answer = true; /* its handler has begun, and cannot begin again */
    return admit_renew(ex) &&
           admit_read(ex, role, role == ROLE_PUBLISH || !ex->config->anonymous, grant);
}

void
admit_refuse(struct exchange *ex, enum role role, enum token_fault fault, const struct grant *grant)
{
    struct token_refusal refusal = credential_refusal(ex, role, fault, grant);
    advise(&refusal, grant);
    reply_refusal(ex, &refusal);
}

static void
note(char *into, size_t size, struct slice text)
{
    snprintf(into, size, SLICE_FMT, SLICE_ARG(slice_head(text, size)));
}

void
admit_refuse_topic(struct exchange *ex, const struct grant *grant, struct slice topic)
{
    struct trace_rights granted = trace_rights(grant, ROLE_PUBLISH);
    struct token_refusal refusal =
        credential_refusal(ex, ROLE_PUBLISH, TOKEN_TOPIC_NOT_GRANTED, grant);
    note(refusal.topic, sizeof refusal.topic, topic);
    note(refusal.granted, sizeof refusal.granted, words_slice(&granted.topics));
    if (grant->dialect == DIALECT_0X && granted.trap)
        snprintf(refusal.detail, sizeof refusal.detail, "%s", granted.trap);
    reply_refusal(ex, &refusal);
}

void
admit_busy(struct exchange *ex, const char *why, struct slice sentence)
{
    const struct request *r = ex->request;
    struct reply reply;
    char text[120];
    bool is_stream =
        slice_eq(r->path, slice_of(ex->config->path)) && !slice_eq(r->method, SLICE("POST"));
    if (!is_stream || ex->config->busy_503) {
        reply_text(ex, 503, sentence);
        return;
    }
    reply_stream_head(ex, &reply);
    int n = snprintf(text, sizeof text, "retry: %u\n: %.60s\n\n",
                     hub_retry_ms(hub_worker_of(ex->worker)), why);
    reply.body = SLICE_OF(text, (size_t)n);
    exchange_reply(ex, &reply);
}
