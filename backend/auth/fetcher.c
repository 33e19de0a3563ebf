/* fetcher - one thread, one easy handle, one set after another.
 *
 *     job    made and freed under the lock; while its set is fetched only `source` is touched
 *            without it, and the job is not freed (`running`)
 *
 * A set that does not come is asked for again after a second, two, four ... a minute; one that was
 * there before stays in force meanwhile, whatever the server says.
 *
 * Lock order: fetcher.lock is taken alone or before a key_source's own. */

#include "auth/fetcher.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/late.h"
#include "base/list.h"
#include "base/log.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    FETCH_TIMEOUT_MS = 5000,
    CONNECT_TIMEOUT_MS = 3000,
    MAX_REDIRECTS = 3,
    RETRY_MIN_MS = 1000,
    RETRY_MAX_MS = 60000,
};

struct job {
    struct list node;
    struct key_source *source; /* owns a reference */
    struct key_set *pending;   /* owns; of a file, read for a configuration not yet in force */
    uint64_t due_ms;           /* monotonic */
    uint64_t asked_ms;         /* when a token last made it due; 0: never */
    uint64_t attempts;         /* begun */
    unsigned failures;         /* one after another */
    bool running, dropped;
    bool again; /* asked for while running: what is under way may be older than the key */
};

struct fetcher {
    /* Set before the thread starts, then read-only. */
    fetcher_news *news;
    void *context;
    pthread_t thread;

    /* The fetcher's thread alone. */
    CURL *curl; /* NULL: nothing was fetched over HTTPS yet */
    char why[CURL_ERROR_SIZE];

    /* Any thread, under lock. */
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct list jobs;
    uint64_t refresh_ms, cooldown_ms;
    char *ca_file; /* owns; NULL: the system's */
    bool stop, has_thread;
};

/* libcurl, from the first set over HTTPS on. */
#define CURL_CALLS(X)                                                                              \
    X(curl_global_cleanup)                                                                         \
    X(curl_easy_init)                                                                              \
    X(curl_easy_cleanup)                                                                           \
    X(curl_easy_perform)                                                                           \
    X(curl_easy_reset)                                                                             \
    X(curl_easy_setopt)                                                                            \
    X(curl_easy_strerror)                                                                          \
    X(curl_slist_append)                                                                           \
    X(curl_slist_free_all)

static struct {
    CURL_CALLS(LATE_POINTER)
} lib;
static const char *const names[] = {CURL_CALLS(LATE_NAME) NULL};
static struct late curl = LATE_INIT("libcurl.so.4", names, &lib);

/* --- one set ---------------------------------------------------------------------------------- */

static size_t
on_bytes(char *bytes, size_t size, size_t count, void *into)
{
    struct buf *text = into;
    buf_add(text, SLICE_OF(bytes, size * count));
    return text->failed ? 0 : size * count;
}

static int
on_progress(void *context, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    struct fetcher *f = context;
    (void)a, (void)b, (void)c, (void)d;
    pthread_mutex_lock(&f->lock);
    bool stop = f->stop;
    pthread_mutex_unlock(&f->lock);
    return stop;
}

static bool
fetch(struct fetcher *f, const char *url, const char *ca_file, struct buf *text, struct error *err)
{
    /* The name that the header's macro of that name calls, once it has checked the types. */
    __typeof__(curl_easy_setopt) *curl_easy_setopt = lib.curl_easy_setopt;
    if (f->curl == NULL && (f->curl = lib.curl_easy_init()) == NULL)
        return error_set(err, "libcurl cannot begin");
    struct curl_slist *headers =
        lib.curl_slist_append(NULL, "Accept: application/jwk-set+json, application/json");
    CURL *c = f->curl;
    lib.curl_easy_reset(c); /* keeps connections */
    f->why[0] = 0;
    curl_easy_setopt(c, CURLOPT_URL, url);
    curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(c, CURLOPT_USERAGENT, "alipes");
    curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "https");
    curl_easy_setopt(c, CURLOPT_REDIR_PROTOCOLS_STR, "https");
    curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(c, CURLOPT_MAXREDIRS, (long)MAX_REDIRECTS);
    curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)FETCH_TIMEOUT_MS);
    curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_TIMEOUT_MS);
    curl_easy_setopt(c, CURLOPT_MAXFILESIZE, (long)JWK_SET_MAX);
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c, CURLOPT_FAILONERROR, 1L);
    curl_easy_setopt(c, CURLOPT_ERRORBUFFER, f->why);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_bytes);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, text);
    curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(c, CURLOPT_XFERINFODATA, f);
    if (ca_file)
        curl_easy_setopt(c, CURLOPT_CAINFO, ca_file);
    CURLcode code = lib.curl_easy_perform(c);
    lib.curl_slist_free_all(headers);
    if (text->failed)
        return error_set(err, "it has more than %d bytes", JWK_SET_MAX);
    if (code != CURLE_OK)
        return error_set(err, "%.300s", f->why[0] ? f->why : lib.curl_easy_strerror(code));
    return true;
}

static const char *
path_of(const char *url)
{
    return strncmp(url, "file://", 7) == 0 ? url + 7 : NULL;
}

static struct key_set *
read_file(const char *path, struct error *err)
{
    struct buf text;
    struct key_set *set = NULL;
    if (!config_read_file(path, JWK_SET_MAX, &text, err))
        return NULL;
    set = jwk_set_read(buf_slice(&text), err);
    buf_fini(&text);
    return set;
}

static struct key_set *
get(struct fetcher *f, const char *url, const char *ca_file, struct error *err)
{
    const char *path = path_of(url);
    if (path)
        return read_file(path, err);
    struct buf text;
    buf_init(&text, JWK_SET_MAX);
    struct key_set *set =
        fetch(f, url, ca_file, &text, err) ? jwk_set_read(buf_slice(&text), err) : NULL;
    buf_fini(&text);
    return set;
}

/* --- the thread ------------------------------------------------------------------------------- */

static void
job_free(struct job *j)
{
    list_unlink(&j->node);
    key_source_unref(&j->source);
    key_set_unref(&j->pending);
    free(j);
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

/* With the lock, which it gives up meanwhile. */
static void
attempt(struct fetcher *f, struct job *j)
{
    struct error err = {""};
    const char *url = key_source_url(j->source);
    char *ca_file = f->ca_file ? xstrndup(f->ca_file, strlen(f->ca_file)) : NULL;
    struct key_source *source = key_source_ref(j->source);
    uint64_t number = ++j->attempts;
    j->running = true;
    pthread_mutex_unlock(&f->lock);

    struct key_set *set = get(f, url, ca_file, &err);
    bool came = set != NULL;
    if (came) {
        log_line(LOG_INFO, "key_set", "url=%s keys=%zu passed_over=%u", LOG_SLICE(slice_of(url)),
                 set->count, set->ignored);
        key_source_replace(source, set);
    }
    free(ca_file);

    pthread_mutex_lock(&f->lock);
    j->running = false;
    j->failures = came ? 0 : j->failures + 1;
    j->due_ms = j->again ? clock_mono_ms() : next_attempt(f, j, clock_mono_ms());
    j->again = false;
    bool tell = !j->dropped && !f->stop;
    if (j->dropped)
        job_free(j);
    pthread_mutex_unlock(&f->lock);
    if (!came && tell)
        log_line(LOG_WARN, "key_set_failed", "url=%s error=%s", LOG_SLICE(slice_of(url)),
                 log_slice((char[600]){0}, 600, slice_of(err.text)));
    if (tell)
        f->news(f->context, source, number, came);
    key_source_unref(&source);
    pthread_mutex_lock(&f->lock);
}

static struct job *
most_urgent(struct fetcher *f)
{
    struct job *first = NULL;
    LIST_EACH(node, after, &f->jobs)
    {
        struct job *j = CONTAINER_OF(node, struct job, node);
        if (first == NULL || j->due_ms < first->due_ms)
            first = j;
    }
    return first;
}

static void *
run(void *arg)
{
    struct fetcher *f = arg;
    pthread_setname_np(pthread_self(), "key-fetcher");
    pthread_mutex_lock(&f->lock);
    while (!f->stop) {
        struct job *j = most_urgent(f);
        if (j && j->due_ms <= clock_mono_ms()) {
            attempt(f, j);
        } else if (j) {
            struct timespec until = {(time_t)(j->due_ms / 1000),
                                     (long)(j->due_ms % 1000) * 1000000};
            pthread_cond_timedwait(&f->wake, &f->lock, &until);
        } else {
            pthread_cond_wait(&f->wake, &f->lock);
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
    pthread_mutex_init(&f->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&f->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    return f;
}

void
fetcher_free(struct fetcher **ref)
{
    struct fetcher *f = *ref;
    *ref = NULL;
    if (f == NULL)
        return;
    pthread_mutex_lock(&f->lock);
    f->stop = true;
    pthread_cond_signal(&f->wake);
    pthread_mutex_unlock(&f->lock);
    if (f->has_thread)
        ENSURE(pthread_join(f->thread, NULL) == 0);
    if (f->curl) {
        lib.curl_easy_cleanup(f->curl);
        lib.curl_global_cleanup();
    }
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

static bool
uses(const struct key_setting keys[CONFIG_ROLES], size_t source, const char **ret_place)
{
    for (size_t i = 0; i < CONFIG_ROLES; i++) {
        if (keys[i].url == NULL || keys[i].source != source)
            continue;
        *ret_place = keys[i].place;
        return true;
    }
    return false;
}

static const char *
place_of(const struct config *c, size_t source)
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
keep_pending(struct fetcher *f, struct key_source *source, struct key_set *set)
{
    pthread_mutex_lock(&f->lock);
    struct job *j = find_source(f, source);
    if (j) {
        key_set_unref(&j->pending);
        j->pending = set;
    } else {
        key_source_replace(source, set);
    }
    pthread_mutex_unlock(&f->lock);
}

struct key_source **
fetcher_sources(struct fetcher *f, const struct config *c, struct error *err)
{
    struct key_source **sources = xalloc((c->sources.count + 1) * sizeof *sources);
    for (size_t i = 0; i < c->sources.count; i++) {
        const char *url = c->sources.items[i], *path = path_of(url);
        pthread_mutex_lock(&f->lock);
        struct job *j = find_url(f, url);
        sources[i] = j ? key_source_ref(j->source) : key_source_new(url);
        pthread_mutex_unlock(&f->lock);
        struct error why;
        struct key_set *set = path ? read_file(path, &why) : NULL;
        if (path ? set == NULL : !late_open(&curl, &why)) {
            error_set(err, "%.200s: %.300s", place_of(c, i), why.text);
            fetcher_drop(&sources, c->sources.count);
            return NULL;
        }
        if (set)
            keep_pending(f, sources[i], set);
    }
    return sources;
}

/* The thread is there from the first set on, and not before. */
static void
begin_thread(struct fetcher *f)
{
    if (f->has_thread)
        return;
    f->has_thread = pthread_create(&f->thread, NULL, run, f) == 0;
    ENSURE(f->has_thread);
}

static void
add_job(struct fetcher *f, struct key_source *source)
{
    struct job *j = xalloc(sizeof *j);
    uint64_t version;
    struct key_set *set = key_source_current(source, &version);
    key_set_unref(&set);
    j->source = key_source_ref(source);
    j->due_ms = clock_mono_ms() + (version ? f->refresh_ms : 0);
    list_append(&f->jobs, &j->node);
}

void
fetcher_watch(struct fetcher *f, const struct config *c, struct key_source *const *sources)
{
    pthread_mutex_lock(&f->lock);
    f->refresh_ms = c->jwks_refresh_ms;
    f->cooldown_ms = c->jwks_cooldown_ms;
    free(f->ca_file);
    f->ca_file = c->jwks_ca ? xstrndup(c->jwks_ca, strlen(c->jwks_ca)) : NULL;
    LIST_EACH(node, after, &f->jobs)
    {
        struct job *j = CONTAINER_OF(node, struct job, node);
        bool wanted = false;
        for (size_t i = 0; i < c->sources.count; i++)
            wanted |= sources[i] == j->source;
        if (wanted && j->pending) {
            key_source_replace(j->source, j->pending);
            j->pending = NULL;
        }
        if (wanted) {
            uint64_t latest = clock_mono_ms() + f->refresh_ms;
            j->due_ms = j->due_ms < latest ? j->due_ms : latest;
        } else if (j->running) {
            j->dropped = true; /* its thread frees it */
            list_unlink(&j->node);
        } else {
            job_free(j);
        }
    }
    for (size_t i = 0; i < c->sources.count; i++)
        if (find_source(f, sources[i]) == NULL)
            add_job(f, sources[i]);
    if (c->sources.count)
        begin_thread(f);
    pthread_cond_signal(&f->wake);
    pthread_mutex_unlock(&f->lock);
}

bool
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
    pthread_mutex_unlock(&f->lock);
    return soon;
}
