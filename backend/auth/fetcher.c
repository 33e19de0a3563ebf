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
 * A set that does not come is asked for again after a second, two, four ... a minute; one that was
 * there before stays in force meanwhile, until jwks_max_age has passed since it last came. What an
 * issuer says in a set counts, also that it has no keys; an error, 404 and 410 included, says
 * nothing about keys.
 *
 * A reload reads files too, so two readings of a file may come in another order than they were
 * begun: each has a number, and what was read earlier never takes the place of what was read later.
 *
 * Lock order: fetcher.lock is taken alone or before a key_source's own. */

#include "auth/fetcher.h"

#include "auth/fetch.h"
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
    RETRY_MIN_MS = 1000,
    RETRY_MAX_MS = 60000,
    MAX_AT_ONCE = 64, /* attempts: the most urgent first */
};

struct job {
    struct list node;
    struct key_source *source; /* owns a reference */
    struct key_set *pending;   /* owns; of a file, read for a configuration not yet in force */
    uint64_t pending_reading;
    uint64_t reading;    /* the number of the one that is in force */
    uint64_t renewed_ms; /* clock_boot_ms(); 0: it has no set, or one that no longer counts */
    uint64_t due_ms;     /* monotonic */
    uint64_t asked_ms;   /* when a token last made it due; 0: never */
    uint64_t attempts;   /* begun */
    unsigned failures;   /* one after another */
    bool running;
    bool again; /* asked for while running: what is under way may be older than the key */
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
    uint64_t refresh_ms, cooldown_ms, max_age_ms;
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
begin_attempt(struct fetcher *f, struct job *j)
{
    struct attempt *a = xalloc(sizeof *a);
    a->fetcher = f;
    a->source = key_source_ref(j->source);
    a->ca_file = f->ca_file ? xstrndup(f->ca_file, strlen(f->ca_file)) : NULL;
    a->number = ++j->attempts;
    a->reading = ++f->readings;
    j->running = true;
    f->under_way++;
    if (begin_detached(run_attempt, a))
        return;
    error_set(&a->err, "there can be no further thread");
    hand_back(a);
}

/* --- the keeper ------------------------------------------------------------------------------- */

static void
job_free(struct job *j)
{
    list_unlink(&j->node);
    key_source_unref(&j->source);
    key_set_unref(&j->pending);
    free(j);
}

/* Takes the set. With the lock. */
static void
put_in_force(struct job *j, struct key_set *set, uint64_t reading)
{
    j->renewed_ms = clock_boot_ms();
    if (reading < j->reading) {
        key_set_unref(&set);
        return;
    }
    j->reading = reading;
    key_source_replace(j->source, set);
}

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

static uint64_t
next_attempt(const struct fetcher *f, const struct job *j, uint64_t now)
{
    if (j->failures == 0)
        return now + f->refresh_ms;
    uint64_t wait = RETRY_MIN_MS;
    for (unsigned i = 1; i < j->failures && wait < RETRY_MAX_MS; i++)
        wait *= 2;
    wait = wait < RETRY_MAX_MS ? wait : RETRY_MAX_MS;
    return now + (wait < f->refresh_ms ? wait : f->refresh_ms);
}

static struct job *
find_source(struct fetcher *f, const struct key_source *source)
{
    LIST_EACH(node, after, &f->jobs)
    {
        struct job *j = CONTAINER_OF(node, struct job, node);
        if (j->source == source)
            return j;
    }
    return NULL;
}

/* With the lock. False: nobody watches this source any more. */
static bool
settle(struct fetcher *f, struct attempt *a)
{
    struct job *j = find_source(f, a->source);
    if (j == NULL)
        return false;
    if (a->set)
        put_in_force(j, key_set_ref(a->set), a->reading);
    j->running = false;
    j->failures = a->set ? 0 : j->failures + 1;
    j->due_ms = j->again ? clock_mono_ms() : next_attempt(f, j, clock_mono_ms());
    j->again = false;
    return true;
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
let_go(struct fetcher *f, struct job *j)
{
    struct key_source *source = key_source_ref(j->source);
    struct key_set *none = key_set_new();
    char url[300];
    none->is_too_old = true;
    j->renewed_ms = 0;
    key_source_replace(source, none);
    pthread_mutex_unlock(&f->lock);
    log_line(LOG_ERROR, "key_set_too_old",
             "url=%s msg=\"it could not be renewed for jwks_max_age, and counts no more\"",
             LOG_SLICE(fetch_shown(key_source_url(source), url, sizeof url)));
    metrics_bound_met(METRIC_jwks_max_age, 0);
    f->news(f->context, source, 0, true);
    key_source_unref(&source);
    pthread_mutex_lock(&f->lock);
}

/* Milliseconds until a job's set is too old; UINT64_MAX: it has none, or there is no such bound. */
static uint64_t
time_left(const struct fetcher *f, const struct job *j)
{
    if (f->max_age_ms == 0 || j->renewed_ms == 0)
        return UINT64_MAX;
    uint64_t age = clock_boot_ms() - j->renewed_ms;
    return age < f->max_age_ms ? f->max_age_ms - age : 0;
}

static struct job *
find_too_old(struct fetcher *f)
{
    LIST_EACH(node, after, &f->jobs)
    {
        struct job *j = CONTAINER_OF(node, struct job, node);
        if (time_left(f, j) == 0)
            return j;
    }
    return NULL;
}

static struct job *
most_urgent(struct fetcher *f)
{
    struct job *first = NULL;
    LIST_EACH(node, after, &f->jobs)
    {
        struct job *j = CONTAINER_OF(node, struct job, node);
        if (!j->running && (first == NULL || j->due_ms < first->due_ms))
            first = j;
    }
    return first;
}

/* Begins what is due. Returns the time to wait for what is not. With the lock. */
static uint64_t
begin_due(struct fetcher *f)
{
    uint64_t wait = UINT64_MAX, now = clock_mono_ms();
    struct job *j;
    LIST_EACH(node, after, &f->jobs)
    {
        uint64_t left = time_left(f, CONTAINER_OF(node, struct job, node));
        wait = left < wait ? left : wait;
    }
    while (f->under_way < MAX_AT_ONCE && (j = most_urgent(f)) != NULL) {
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
    struct job *j;
    pthread_setname_np(pthread_self(), "key-keeper");
    pthread_mutex_lock(&f->lock);
    while (!atomic_load(&f->stop)) {
        if ((node = list_shift(&f->back)) != NULL)
            take_back(f, CONTAINER_OF(node, struct attempt, node));
        else if ((j = find_too_old(f)) != NULL)
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
        job_free(CONTAINER_OF(f->jobs.next, struct job, node));
    pthread_cond_destroy(&f->wake);
    pthread_mutex_destroy(&f->lock);
    free(f->ca_file);
    free(f);
}

static struct job *
find_url(struct fetcher *f, const char *url)
{
    LIST_EACH(node, after, &f->jobs)
    {
        struct job *j = CONTAINER_OF(node, struct job, node);
        if (strcmp(key_source_url(j->source), url) == 0)
            return j;
    }
    return NULL;
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
    struct job *j = find_source(f, source);
    if (j) {
        key_set_unref(&j->pending);
        j->pending = set;
        j->pending_reading = reading;
    } else {
        key_source_replace(source, set);
    }
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
        struct job *j = find_url(f, url);
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

static void
add_job(struct fetcher *f, struct key_source *source)
{
    struct job *j = xalloc(sizeof *j);
    uint64_t version;
    struct key_set *set = key_source_current(source, &version);
    key_set_unref(&set);
    j->source = key_source_ref(source);
    j->renewed_ms = version ? clock_boot_ms() : 0;
    j->due_ms = clock_mono_ms() + (version ? f->refresh_ms : 0);
    list_append(&f->jobs, &j->node);
}

/* With the lock: what is new about a source that was watched before, too. */
static void
keep_job(struct fetcher *f, struct job *j)
{
    uint64_t latest = clock_mono_ms() + f->refresh_ms;
    if (j->pending) {
        log_set(j->source, j->pending, &(struct error){""});
        put_in_force(j, j->pending, j->pending_reading);
    }
    j->pending = NULL;
    j->due_ms = j->due_ms < latest ? j->due_ms : latest;
}

void
fetcher_watch(struct fetcher *f, const struct config *c, struct key_source *const *sources)
{
    pthread_mutex_lock(&f->lock);
    f->refresh_ms = c->jwks_refresh_ms;
    f->cooldown_ms = c->jwks_cooldown_ms;
    f->max_age_ms = c->jwks_max_age_ms;
    free(f->ca_file);
    f->ca_file = c->jwks_ca ? xstrndup(c->jwks_ca, strlen(c->jwks_ca)) : NULL;
    LIST_EACH(node, after, &f->jobs)
    {
        struct job *j = CONTAINER_OF(node, struct job, node);
        bool wanted = false;
        for (size_t i = 0; i < c->sources.count; i++)
            wanted |= sources[i] == j->source;
        if (wanted)
            keep_job(f, j);
        else
            job_free(j);
    }
    for (size_t i = 0; i < c->sources.count; i++)
        if (find_source(f, sources[i]) == NULL)
            add_job(f, sources[i]);
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
    struct job *j = find_source(f, source);
    bool soon = j && (j->running || j->due_ms <= now);
    if (j && (j->asked_ms == 0 || now - j->asked_ms >= f->cooldown_ms)) {
        j->asked_ms = now;
        j->again = j->running;
        if (!j->running)
            j->due_ms = now;
        pthread_cond_signal(&f->wake);
        soon = true;
    }
    if (soon)
        *ret_attempt = j->attempts + (!j->running || j->again);
    enum fetch_answer answer = soon                ? FETCH_COMES
                               : j && !j->failures ? FETCH_HAS_COME
                                                   : FETCH_FAILS;
    pthread_mutex_unlock(&f->lock);
    return answer;
}
