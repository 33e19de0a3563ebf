/* fetcher - who reads which set when: a keeper, and a thread for each set that is being read.
 *
 *     job      made and freed under the lock; at most one attempt of each is under way
 *     attempt  made by the keeper; its own thread's until it is handed back, then the keeper's, who
 *              frees it
 *
 * A server, a name server or a file system that says nothing holds up its own set alone: attempts
 * share nothing but the moment at which they are handed back. Nobody waits for their threads, not
 * at the end either: one that hangs in the C library cannot be called back, so the process then
 * ends without it (fetcher_left_behind()).
 *
 * When a set is due, and whether what was read of it counts, is said in fetch_job.c.
 *
 * Lock order: fetcher.lock is taken alone or before a key_source's own. */

#include "auth/fetcher.h"

#include "auth/fetch.h"
#include "auth/fetch_job.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/list.h"
#include "base/log.h"
#include "metrics/metrics.h"

#include <openssl/crypto.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    MAX_AT_ONCE = 64 /* attempts: the most urgent first */
};

struct attempt {
    struct list node; /* in fetcher.back */
    struct fetcher *fetcher;
    struct key_source *source; /* owns a reference */
    char *ca_file;             /* owns; NULL: the system's */
    uint64_t number, reading;
    struct key_set *set; /* owns; NULL: it did not come */
    struct error err;
};

struct fetcher {
    /* Set before the keeper starts, then read-only. */
    fetcher_news *news;
    void *context;
    pthread_t keeper;

    atomic_bool stop; /* any thread */

    /* Any thread, under lock. */
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct list jobs;
    struct list back; /* attempts that have ended */
    size_t under_way; /* threads of attempts */
    uint64_t readings;
    struct fetch_times times;
    char *ca_file; /* owns; NULL: the system's */
    bool has_keeper;
};

static atomic_size_t left_behind;

/* --- one attempt ------------------------------------------------------------------------------ */

static void
attempt_free(struct attempt *a)
{
    key_source_unref(&a->source);
    key_set_unref(&a->set);
    free(a->ca_file);
    free(a);
}

/* Its thread, or the keeper where there could be none. With the lock. */
static void
hand_back(struct attempt *a)
{
    struct fetcher *f = a->fetcher;
    f->under_way--;
    list_append(&f->back, &a->node);
    pthread_cond_signal(&f->wake);
}

static void *
run_attempt(void *arg)
{
    struct attempt *a = arg;
    struct fetcher *f = a->fetcher;
    pthread_setname_np(pthread_self(), "key-fetch");
    a->set = fetch_set(key_source_url(a->source), a->ca_file, &f->stop, &a->err);
    OPENSSL_thread_stop(); /* now, and not while the process already ends */
    pthread_mutex_lock(&f->lock);
    hand_back(a);
    pthread_mutex_unlock(&f->lock);
    return NULL;
}

static bool
begin_detached(void *(*run)(void *), void *arg)
{
    pthread_t thread;
    pthread_attr_t detached;
    pthread_attr_init(&detached);
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    bool ok = pthread_create(&thread, &detached, run, arg) == 0;
    pthread_attr_destroy(&detached);
    return ok;
}

/* With the lock. */
static void
begin_attempt(struct fetcher *f, struct fetch_job *j)
{
    struct attempt *a = xalloc(sizeof *a);
    a->fetcher = f;
    a->source = key_source_ref(j->source);
    a->ca_file = f->ca_file ? xstrndup(f->ca_file, strlen(f->ca_file)) : NULL;
    a->number = fetch_job_begin(j);
    a->reading = ++f->readings;
    f->under_way++;
    if (begin_detached(run_attempt, a))
        return;
    error_set(&a->err, "there can be no further thread");
    hand_back(a);
}

/* --- the keeper ------------------------------------------------------------------------------- */

static void
log_set(const struct key_source *source, const struct key_set *set, const struct error *why)
{
    char url[300];
    struct slice shown = fetch_shown(key_source_url(source), url, sizeof url);
    if (set->count)
        log_line(LOG_INFO, "key_set", "url=%s keys=%zu passed_over=%u", LOG_SLICE(shown),
                 set->count, set->ignored);
    else
        log_line(LOG_WARN, "key_set",
                 "url=%s keys=0 passed_over=%u msg=\"no key of it can be used: it vouches for "
                 "nobody\" reason=%s",
                 LOG_SLICE(shown), set->ignored,
                 log_slice((char[600]){0}, 600, slice_of(why->text)));
}

static void
log_failure(const struct key_source *source, const struct error *why)
{
    char url[300];
    log_line(LOG_WARN, "key_set_failed", "url=%s error=%s",
             LOG_SLICE(fetch_shown(key_source_url(source), url, sizeof url)),
             log_slice((char[600]){0}, 600, slice_of(why->text)));
}

/* With the lock. False: nobody watches this source any more. */
static bool
settle(struct fetcher *f, struct attempt *a)
{
    struct fetch_job *j = fetch_job_of(&f->jobs, a->source);
    struct key_set *set = j && a->set ? key_set_ref(a->set) : NULL;
    if (j)
        fetch_job_settle(j, set, a->reading, &f->times, clock_mono_ms());
    return j != NULL;
}

/* With the lock, which it gives up meanwhile. */
static void
take_back(struct fetcher *f, struct attempt *a)
{
    bool tell = settle(f, a) && !atomic_load(&f->stop);
    pthread_mutex_unlock(&f->lock);
    if (tell) {
        if (a->set)
            log_set(a->source, a->set, &a->err);
        else
            log_failure(a->source, &a->err);
        f->news(f->context, a->source, a->number, a->set != NULL);
    }
    attempt_free(a);
    pthread_mutex_lock(&f->lock);
}

/* With the lock, which it gives up meanwhile. */
static void
let_go(struct fetcher *f, struct fetch_job *j)
{
    struct key_source *source = key_source_ref(j->source);
    char url[300];
    fetch_job_let_go(j);
    pthread_mutex_unlock(&f->lock);
    log_line(LOG_ERROR, "key_set_too_old",
             "url=%s msg=\"it could not be renewed for jwks_max_age, and counts no more\"",
             LOG_SLICE(fetch_shown(key_source_url(source), url, sizeof url)));
    metrics_bound_met(METRIC_jwks_max_age, 0);
    f->news(f->context, source, 0, true);
    key_source_unref(&source);
    pthread_mutex_lock(&f->lock);
}

/* Begins what is due. Returns the time to wait for what is not. With the lock. */
static uint64_t
begin_due(struct fetcher *f)
{
    uint64_t wait = fetch_job_time_left(&f->jobs, &f->times), now = clock_mono_ms();
    struct fetch_job *j;
    while (f->under_way < MAX_AT_ONCE && (j = fetch_job_most_urgent(&f->jobs)) != NULL) {
        if (j->due_ms > now)
            return j->due_ms - now < wait ? j->due_ms - now : wait;
        begin_attempt(f, j);
    }
    return wait;
}

static void
wait_for_more(struct fetcher *f, uint64_t wait_ms)
{
    uint64_t until_ms = clock_mono_ms() + wait_ms;
    struct timespec until = {(time_t)(until_ms / 1000), (long)(until_ms % 1000) * 1000000};
    if (wait_ms == UINT64_MAX)
        pthread_cond_wait(&f->wake, &f->lock);
    else
        pthread_cond_timedwait(&f->wake, &f->lock, &until);
}

static void *
run(void *arg)
{
    struct fetcher *f = arg;
    struct list *node;
    struct fetch_job *j;
    pthread_setname_np(pthread_self(), "key-keeper");
    pthread_mutex_lock(&f->lock);
    while (!atomic_load(&f->stop)) {
        if ((node = list_shift(&f->back)) != NULL)
            take_back(f, CONTAINER_OF(node, struct attempt, node));
        else if ((j = fetch_job_too_old(&f->jobs, &f->times)) != NULL)
            let_go(f, j);
        else {
            uint64_t wait = begin_due(f);
            if (list_is_empty(&f->back))
                wait_for_more(f, wait);
        }
    }
    pthread_mutex_unlock(&f->lock);
    return NULL;
}

/* --- from other threads ----------------------------------------------------------------------- */

struct fetcher *
fetcher_new(fetcher_news *news, void *context)
{
    struct fetcher *f = xalloc(sizeof *f);
    pthread_condattr_t monotonic;
    f->news = news;
    f->context = context;
    list_init(&f->jobs);
    list_init(&f->back);
    pthread_mutex_init(&f->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&f->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    return f;
}

void
fetcher_stop(struct fetcher *f)
{
    pthread_mutex_lock(&f->lock);
    atomic_store(&f->stop, true);
    pthread_cond_signal(&f->wake);
    bool join = f->has_keeper;
    f->has_keeper = false;
    pthread_mutex_unlock(&f->lock);
    if (join)
        ENSURE(pthread_join(f->keeper, NULL) == 0);
}

bool
fetcher_left_behind(void)
{
    return atomic_load(&left_behind) > 0;
}

void
fetcher_free(struct fetcher **ref)
{
    struct fetcher *f = *ref;
    *ref = NULL;
    if (f == NULL)
        return;
    fetcher_stop(f);
    pthread_mutex_lock(&f->lock);
    size_t under_way = f->under_way;
    pthread_mutex_unlock(&f->lock);
    if (under_way) {
        atomic_fetch_add(&left_behind, under_way); /* they use f */
        return;
    }
    struct list *node;
    while ((node = list_shift(&f->back)) != NULL)
        attempt_free(CONTAINER_OF(node, struct attempt, node));
    while (!list_is_empty(&f->jobs))
        fetch_job_free(CONTAINER_OF(f->jobs.next, struct fetch_job, node));
    pthread_cond_destroy(&f->wake);
    pthread_mutex_destroy(&f->lock);
    free(f->ca_file);
    free(f);
}

static bool
uses(const struct key_setting keys[ROLES], size_t source, const char **ret_line)
{
    for (size_t i = 0; i < ROLES; i++) {
        if (keys[i].url == NULL || keys[i].source != source)
            continue;
        *ret_line = keys[i].place;
        return true;
    }
    return false;
}

static const char *
line_of(const struct config *c, size_t source)
{
    const char *place = "";
    bool found = uses(c->keys, source, &place);
    for (size_t i = 0; !found && i < c->issuer_count; i++)
        found = uses(c->issuers[i].keys, source, &place);
    return place;
}

void
fetcher_drop(struct key_source ***ref, size_t count)
{
    struct key_source **sources = *ref;
    *ref = NULL;
    for (size_t i = 0; sources && i < count; i++)
        key_source_unref(&sources[i]);
    free(sources);
}

/* A set for a source that is in use waits until the whole configuration is known to be right. */
static void
keep_pending(struct fetcher *f, struct key_source *source, struct key_set *set, uint64_t reading)
{
    pthread_mutex_lock(&f->lock);
    struct fetch_job *j = fetch_job_of(&f->jobs, source);
    if (j)
        fetch_job_hold(j, set, reading);
    else
        key_source_replace(source, set);
    pthread_mutex_unlock(&f->lock);
}

/* A file is read at once. */
static bool
prepare(struct fetcher *f, struct key_source *source, struct error *why)
{
    const char *url = key_source_url(source);
    if (!fetch_path(url))
        return fetch_prepare(url, why);
    pthread_mutex_lock(&f->lock);
    uint64_t reading = ++f->readings;
    pthread_mutex_unlock(&f->lock);
    struct key_set *set = fetch_set(url, NULL, &f->stop, why);
    if (set == NULL)
        return false;
    keep_pending(f, source, set, reading);
    return true;
}

struct key_source **
fetcher_sources(struct fetcher *f, const struct config *c, struct error *err)
{
    struct key_source **sources = xalloc((c->sources.count + 1) * sizeof *sources);
    for (size_t i = 0; i < c->sources.count; i++) {
        const char *url = c->sources.items[i];
        struct error why;
        pthread_mutex_lock(&f->lock);
        struct fetch_job *j = fetch_job_of_url(&f->jobs, url);
        sources[i] = j ? key_source_ref(j->source) : key_source_new(url);
        pthread_mutex_unlock(&f->lock);
        if (!prepare(f, sources[i], &why)) {
            error_set(err, "%.200s: %.300s", line_of(c, i), why.text);
            fetcher_drop(&sources, c->sources.count);
            return NULL;
        }
    }
    return sources;
}

/* The keeper is there from the first set on, and not before. Where no thread can be begun, the next
 * reload tries again; until then sets that are new are waited for in vain. */
static void
begin_keeper(struct fetcher *f)
{
    int why = f->has_keeper ? 0 : pthread_create(&f->keeper, NULL, run, f);
    f->has_keeper |= why == 0;
    if (why)
        log_line(LOG_ERROR, "thread_failed", "of=jwks error=%s",
                 LOG_SLICE(slice_of(strerror(why))));
}

/* With the lock: what is new about a source that was watched before, too. */
static void
keep_job(struct fetcher *f, struct fetch_job *j)
{
    if (j->pending)
        log_set(j->source, j->pending, &(struct error){""});
    fetch_job_go_on(j, &f->times, clock_mono_ms());
}

void
fetcher_watch(struct fetcher *f, const struct config *c, struct key_source *const *sources)
{
    pthread_mutex_lock(&f->lock);
    f->times = (struct fetch_times){.refresh_ms = c->jwks_refresh_ms,
                                    .cooldown_ms = c->jwks_cooldown_ms,
                                    .max_age_ms = c->jwks_max_age_ms};
    free(f->ca_file);
    f->ca_file = c->jwks_ca ? xstrndup(c->jwks_ca, strlen(c->jwks_ca)) : NULL;
    LIST_EACH(node, after, &f->jobs)
    {
        struct fetch_job *j = CONTAINER_OF(node, struct fetch_job, node);
        bool wanted = false;
        for (size_t i = 0; i < c->sources.count; i++)
            wanted |= sources[i] == j->source;
        if (wanted)
            keep_job(f, j);
        else
            fetch_job_free(j);
    }
    for (size_t i = 0; i < c->sources.count; i++)
        if (fetch_job_of(&f->jobs, sources[i]) == NULL)
            fetch_job_add(&f->jobs, sources[i], &f->times, clock_mono_ms());
    if (c->sources.count)
        begin_keeper(f);
    pthread_cond_signal(&f->wake);
    pthread_mutex_unlock(&f->lock);
}

enum fetch_answer
fetcher_ask(struct fetcher *f, struct key_source *source, uint64_t *ret_attempt)
{
    uint64_t now = clock_mono_ms();
    pthread_mutex_lock(&f->lock);
    struct fetch_job *j = fetch_job_of(&f->jobs, source);
    if (j && fetch_job_hurry(j, &f->times, now))
        pthread_cond_signal(&f->wake);
    bool soon = j && fetch_job_comes(j, now, ret_attempt);
    enum fetch_answer answer = soon                ? FETCH_COMES
                               : j && !j->failures ? FETCH_HAS_COME
                                                   : FETCH_FAILS;
    pthread_mutex_unlock(&f->lock);
    return answer;
}
