/* access - judged, refused, or asked to wait a moment.
 *
 * A token may name a key that its issuer's set has only had since a minute ago, or come before the
 * first set did. Such a request is held, without a thread of its own, until the set was asked for
 * anew, at most key_wait_timeout, and then its handler begins once more: the second judgement is
 * the last one. Where it would have to wait and may not, because the hub stops or too many wait,
 * nothing is known against its token: it cannot be served now.
 *
 * Whoever sends unknown kids by the thousand takes places from others, so each set has a share of
 * them. And a token is called bad only where its set has been heard since: one that finds no place,
 * waits in vain, or whose set does not come, cannot be served now. An EventSource that is told 401
 * never comes back; one that is told to wait does.
 *
 *     key_wait   made by wait_for(), owned by home->key_waits; freed when its handler has begun
 *                again or its peer left */

#include "hub/access.h"

#include "auth/fetcher.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "hub/busy.h"
#include "hub/hold.h"
#include "hub/home.h"
#include "hub/trace.h"
#include "hub/watch.h"
#include "metrics/metrics.h"
#include "request/credential.h"
#include "request/hub_url.h"
#include "request/reply.h"

#include <stdio.h>
#include <stdlib.h>

struct key_wait {
    struct hold hold;
    struct hub *hub;
    struct key_source *source; /* owns a reference */
    uint64_t attempt;          /* that may help, or a later one; 0: any that succeeds */
    struct timer timer;
    bool has_answer; /* of the set; else its time is over */
};

/* What a request may still do where its token does not pass. */
enum patience {
    PATIENCE_WAIT, /* for keys */
    PATIENCE_OVER, /* it has waited, in vain */
    PATIENCE_NONE, /* the keys are as new as they get */
};

static uint64_t
version_of(struct key_source *source)
{
    uint64_t version;
    struct key_set *set = key_source_current(source, &version);
    key_set_unref(&set);
    return version;
}

static struct key_wait *
key_wait_of(const struct hold *h)
{
    return CONTAINER_OF(h, struct key_wait, hold);
}

static void
drop(struct hold *h)
{
    struct key_wait *w = key_wait_of(h);
    timer_disarm(&w->timer);
    key_source_leave_place(w->source);
    key_source_unref(&w->source);
    atomic_fetch_sub(&w->hub->key_waits, 1);
    free(w);
}

void
access_stop(struct hub_worker *home)
{
    hold_stop_all(&home->key_waits);
}

static void
on_timer(struct timer *t)
{
    hold_resume(&CONTAINER_OF(t, struct key_wait, timer)->hold);
}

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
wait_for(struct exchange *ex, struct key_source *source, uint64_t attempt)
{
    struct hub_worker *home = hub_worker_of(ex->worker);
    struct key_wait *w = xalloc(sizeof *w);
    w->hub = home->hub;
    w->source = key_source_ref(source);
    w->attempt = attempt;
    timer_init(&w->timer, on_timer);
    timer_arm(worker_timers(ex->worker), &w->timer, ex->config->key_wait_timeout_ms);
    metrics_count(METRIC_key_waits);
    hold_begin(&w->hold, &home->key_waits, ex, ex->handler->on_head, drop);
}

enum outlook {
    OUTLOOK_NONE,    /* the refusal stands */
    OUTLOOK_LATER,   /* it may be another one later */
    OUTLOOK_WAITING, /* the exchange waits for it */
};

static enum outlook
look_out(struct exchange *ex, const struct token_refusal *refusal, enum patience patience)
{
    struct hub *hub = hub_worker_of(ex->worker)->hub;
    bool has_set = refusal->fault != TOKEN_NO_KEYS_YET;
    uint64_t attempt = 0;
    if (refusal->source == NULL)
        return OUTLOOK_NONE;
    if (hub->fetcher == NULL || patience == PATIENCE_NONE)
        return has_set ? OUTLOOK_NONE : OUTLOOK_LATER;
    if (patience == PATIENCE_OVER)
        return OUTLOOK_LATER;
    if (atomic_load(&hub->stopping))
        return OUTLOOK_LATER;
    enum fetch_answer answer =
        has_set ? fetcher_ask(hub->fetcher, refusal->source, &attempt) : FETCH_COMES;
    if (answer != FETCH_COMES)
        return answer == FETCH_HAS_COME ? OUTLOOK_NONE : OUTLOOK_LATER;
    if (!take_place(hub, ex, refusal->source))
        return OUTLOOK_LATER;
    wait_for(ex, refusal->source, attempt);
    return OUTLOOK_WAITING;
}

void
access_wake(struct hub_worker *home, struct key_source *source, uint64_t attempt, bool changed)
{
    LIST_EACH(node, after, &home->key_waits)
    {
        struct key_wait *w = key_wait_of(CONTAINER_OF(node, struct hold, node));
        if (w->source != source || (w->attempt ? w->attempt > attempt : !changed))
            continue;
        w->has_answer = changed;
        hold_resume(&w->hold);
    }
}

static enum token_fault
verify(struct exchange *ex, enum role role, struct slice token, struct grant **ret_grant,
       struct token_refusal *refusal)
{
    const struct authority *authority = ex->rules->authority;
    struct slice audience = SLICE(""), base = SLICE("");
    if (authority_judges(authority, DIALECT_1_0)) {
        audience = hub_url_audience(ex);
        base = hub_url_base(ex);
    }
    return token_cache_verify(hub_worker_of(ex->worker)->tokens, authority, role, token, audience,
                              base, clock_wall_ms(), ret_grant, refusal);
}

static void
count_bounds(const struct exchange *ex, enum token_fault fault)
{
    if (fault == TOKEN_TOO_MANY_SELECTORS)
        metrics_bound_met(METRIC_max_token_selectors, ex->id);
    if (fault == TOKEN_TOO_MANY_DETAILS)
        metrics_bound_met(METRIC_max_authorization_details, ex->id);
}

/* Where the set that did not do was replaced meanwhile, twice. *ret_grant NULL: there is no token.
 * False: it is bad, or not in its place. */
static bool
judge(struct exchange *ex, enum role role, struct grant **ret_grant, struct token_refusal *refusal)
{
    struct slice token;
    *ret_grant = NULL;
    ex->request->judged = auth_generation();
    enum credential credential = credential_find(ex, role, &token, refusal);
    if (credential != CREDENTIAL_FOUND)
        return credential == CREDENTIAL_NONE;
    enum token_fault fault = verify(ex, role, token, ret_grant, refusal);
    if (fault != TOKEN_OK && refusal->source &&
        version_of(refusal->source) != refusal->source_version)
        fault = verify(ex, role, token, ret_grant, refusal);
    count_bounds(ex, fault);
    return fault == TOKEN_OK;
}

/* What to change, where the fault alone does not tell. (A list needs a token, with or without
 * `anonymous`.) */
static void
advise(const struct exchange *ex, struct token_refusal *refusal, const struct grant *grant)
{
    const char *words = NULL;
    if (refusal->fault == TOKEN_NO_1_0 || refusal->fault == TOKEN_UNKNOWN_ISS)
        words = "to accept it: an issuer block, or its iss in MERCURE_TRUSTED_ISSUERS";
    else if (refusal->fault == TOKEN_NONE && refusal->role == ROLE_SUBSCRIBE &&
             busy_wants_stream(ex))
        words = "anonymous would let this subscriber have public updates";
    else if (refusal->fault == TOKEN_GRANTS_NOTHING && grant)
        words = grant->no_rights;
    if (refusal->detail[0] == 0 && words)
        snprintf(refusal->detail, sizeof refusal->detail, "%s", words);
}

static void
refuse_token(struct exchange *ex, struct token_refusal *refusal, enum patience patience)
{
    switch (look_out(ex, refusal, patience)) {
    case OUTLOOK_WAITING:
        return;
    case OUTLOOK_LATER:
        token_refusal_log(refusal, ex->id, 503);
        busy_answer(ex, token_fault_name(TOKEN_NO_KEYS_YET),
                    SLICE("The keys that judge this token are not here yet.\n"));
        return;
    case OUTLOOK_NONE:
        advise(ex, refusal, NULL);
        reply_refusal(ex, refusal);
    }
}

static bool
admit(struct exchange *ex, enum role role, bool needs_token, enum patience patience,
      struct grant **ret_grant)
{
    struct token_refusal refusal;
    if (!judge(ex, role, ret_grant, &refusal)) {
        refuse_token(ex, &refusal, patience);
        return false;
    }
    if (*ret_grant || !needs_token)
        return true;
    access_refuse(ex, role, TOKEN_NONE, NULL);
    return false;
}

bool
access_read(struct exchange *ex, enum role role, bool needs_token, struct grant **ret_grant)
{
    const struct hold *waited = hold_resumed(ex, drop);
    enum patience patience = waited == NULL                    ? PATIENCE_WAIT
                             : key_wait_of(waited)->has_answer ? PATIENCE_NONE
                                                               : PATIENCE_OVER;
    return admit(ex, role, needs_token, patience, ret_grant);
}

/* Its handler has begun, and cannot begin again. */
bool
access_still(struct exchange *ex, enum role role, struct grant **grant)
{
    if (ex->rules == hub_worker_of(ex->worker)->rules && ex->request->judged == auth_generation())
        return true;
    grant_unref(grant);
    return hub_renew(ex) &&
           admit(ex, role, role == ROLE_PUBLISH || !ex->config->anonymous, PATIENCE_NONE, grant);
}

void
access_refuse(struct exchange *ex, enum role role, enum token_fault fault,
              const struct grant *grant)
{
    struct token_refusal refusal = credential_refusal(ex, role, fault, grant);
    advise(ex, &refusal, grant);
    reply_refusal(ex, &refusal);
}

static void
note(char *into, size_t size, struct slice text)
{
    snprintf(into, size, SLICE_FMT, SLICE_ARG(slice_head(text, size)));
}

/* What the log says once a second, each time to who traces that topic. */
static void
tell_watches(const struct exchange *ex, struct slice topic, const struct token_refusal *refusal)
{
    struct buf line;
    buf_init(&line, TRACE_LINE_BYTES);
    buf_addf(&line, "conn=%llu ", (unsigned long long)ex->id);
    token_refusal_write(&line, refusal);
    watch_refused(hub_worker_of(ex->worker), topic, buf_slice(&line));
    buf_fini(&line);
}

void
access_refuse_topic(struct exchange *ex, enum role role, const struct grant *grant,
                    struct slice topic)
{
    struct trace_rights granted = trace_rights(grant, role);
    struct token_refusal refusal = credential_refusal(ex, role, TOKEN_TOPIC_NOT_GRANTED, grant);
    note(refusal.topic, sizeof refusal.topic, topic);
    note(refusal.granted, sizeof refusal.granted, words_slice(&granted.topics));
    if (grant->dialect == DIALECT_0X && granted.trap)
        snprintf(refusal.detail, sizeof refusal.detail, "%s", granted.trap);
    if (watch_is_on(hub_worker_of(ex->worker)))
        tell_watches(ex, topic, &refusal);
    reply_refusal(ex, &refusal);
}

bool
access_allow_path(struct exchange *ex, const struct grant *grant)
{
    struct topic topic = topic_of(ex->request->path);
    uint64_t steps = rights_budget(grant->rights, 1);
    bool allowed = rights_allow(grant->rights, ROLE_SUBSCRIBE, &topic, &steps);
    topic_fini(&topic);
    if (!allowed)
        access_refuse_topic(ex, ROLE_SUBSCRIBE, grant, topic.text);
    return allowed;
}
