/* process - start and stop, in order.
 *
 * Main's thread opens what the others use, starts transport and workers, and takes everything down
 * in the order of DESIGN: listeners, idle connections, publishes, streams, workers, transport. */

#include "process.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/notify.h"
#include "base/pid_file.h"
#include "gateway/gateway.h"
#include "hub/delivery.h"
#include "hub/hub.h"
#include "hub/reload.h"
#include "listeners.h"
#include "log_file.h"
#include "loop/listener.h"
#include "metrics/metrics.h"
#include "routes.h"
#include "rules_load.h"
#include "threads.h"
#include "transport/disk/disk.h"
#include "transport/memory.h"
#include "transport/redis/redis.h"
#include "transport/redis/settings.h"

#include <sched.h>
#include <semaphore.h>
#include <stdio.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum {
    MAX_WORKERS = 256,
    HISTORY_THREADS = 3,
    KEY_THREADS = 2,
    SPARE_DESCRIPTORS = 64, /* for listeners, loops, log, library files */
    PUBLISH_SHARE = 8,      /* so many-th of the connections is no stream's... */
    MOST_FOR_PUBLISHES = 64 /* ...or so many */
};

struct process {
    const struct launch *launch;
    struct rules *rules; /* owns a reference: what holds now */
    struct fetcher *fetcher;
    struct key_source **sources; /* owns, until they are watched */
    struct transport *transport;
    struct hub *hub;
    struct gateway *gateway;
    struct worker *workers[MAX_WORKERS];
    struct hub_worker *homes[MAX_WORKERS];
    unsigned worker_count;
    struct listeners listeners;
};

static struct process process;

/* A call made on every worker's thread; main waits until all are done. */
struct call {
    struct message message;
    void (*run)(unsigned worker);
    sem_t *done;
};

static void
receive_call(struct worker *w, struct message *m)
{
    struct call *call = CONTAINER_OF(m, struct call, message);
    call->run(worker_number(w));
    sem_post(call->done);
}

static void
on_every_worker(void (*run)(unsigned worker))
{
    static struct call calls[MAX_WORKERS];
    sem_t done;
    sem_init(&done, 0, 0);
    for (unsigned i = 0; i < process.worker_count; i++) {
        calls[i] = (struct call){{.receive = receive_call}, run, &done};
        worker_post(process.workers[i], &calls[i].message);
    }
    for (unsigned i = 0; i < process.worker_count; i++)
        while (sem_wait(&done) != 0)
            ;
    sem_destroy(&done);
}

static void
stop_listening(unsigned i)
{
    listener_unwatch_all(process.workers[i]);
}

static void
drain(unsigned i)
{
    gateway_drain(process.gateway, process.workers[i]);
}

static void
cut_all(unsigned i)
{
    gateway_close_all(process.gateway, process.workers[i]);
}

static void
end_streams(unsigned i)
{
    hub_end_streams(process.homes[i]);
}

static void
nap(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
}

static void
wait_for_zero(atomic_size_t *count, uint64_t until_ms)
{
    while (atomic_load(count) && clock_mono_ms() < until_ms)
        nap();
}

static unsigned
default_workers(void)
{
    cpu_set_t set;
    unsigned count = 1;
    if (sched_getaffinity(0, sizeof set, &set) == 0)
        count = (unsigned)CPU_COUNT(&set);
    FILE *f = fopen("/sys/fs/cgroup/cpu.max", "re");
    unsigned long quota, period;
    if (f && fscanf(f, "%lu %lu", &quota, &period) == 2 && period) {
        unsigned allowed = (unsigned)((quota + period - 1) / period);
        if (allowed && allowed < count)
            count = allowed;
    }
    if (f)
        fclose(f);
    return count ? count : 1;
}

/* As many workers as are asked for, and as threads allow beside those of history and key sets. */
static bool
settle_workers(struct process *p, struct error *err)
{
    const struct config *c = p->rules->config;
    uint64_t asked = c->workers ? c->workers : default_workers();
    unsigned wanted = (unsigned)(asked < MAX_WORKERS ? asked : MAX_WORKERS);
    unsigned others = HISTORY_THREADS + (c->sources.count ? KEY_THREADS : 0);
    unsigned have = threads_try(wanted + others);
    if (have <= others)
        return error_set(err,
                         "%u threads are needed, and %u can be begun: this user may have no more "
                         "processes (ulimit -u), or no more memory (ulimit -v)",
                         others + 1, have);
    p->worker_count = have - others;
    if (p->worker_count < wanted)
        log_line(LOG_WARN, "workers_lowered", "asked=%u threads=%u now=%u", wanted, have,
                 p->worker_count);
    return true;
}

/* How many connections descriptors allow. */
static size_t
settle_connections(const struct process *p)
{
    size_t descriptors = listener_raise_descriptor_limit();
    size_t spare = SPARE_DESCRIPTORS + p->worker_count * 8;
    size_t most = descriptors > 2 * spare ? descriptors - spare : descriptors / 2;
    size_t asked = p->rules->config->max_connections;
    if (asked > most)
        log_line(LOG_WARN, "max_connections_lowered", "asked=%zu descriptors=%zu now=%zu", asked,
                 descriptors, most);
    size_t connections = asked && asked < most ? asked : most;
    log_line(LOG_INFO, "descriptors",
             "limit=%zu reserve=%zu connections=%zu msg=\"room for %zu "
             "connections, streams included\"",
             descriptors, descriptors - most, connections, connections);
    return connections;
}

/* The fetcher's thread. */
static void
on_key_set(void *context, struct key_source *source, uint64_t attempt, bool changed)
{
    struct process *p = context;
    reload_tell_keys(p->workers, p->worker_count, source, attempt, changed);
}

static void
watch_key_sets(struct process *p, struct key_source **sources)
{
    fetcher_watch(p->fetcher, p->rules->config, sources);
    fetcher_drop(&sources, p->rules->config->sources.count);
}

static void
say_at_reload(enum log_level level, const char *text)
{
    log_line(level, level == LOG_ERROR ? "reload_failed" : "configuration", "msg=%s",
             log_slice((char[600]){0}, 600, slice_of(text)));
}

static void
say_at_start(enum log_level level, const char *text)
{
    fprintf(stderr, "%salipes: %s%s\n", log_priority(level),
            level == LOG_ERROR ? "" : "note: ", text);
}

/* A dump of the memory holds keys and tokens. Where dumps are piped to a program, the kernel looks
 * at no limit but that of one byte, which it takes for "none" as well. */
static void
forbid_core_dumps(void)
{
    const struct rlimit one_byte = {1, 1}, none = {0, 0};
    if (setrlimit(RLIMIT_CORE, &one_byte) != 0)
        setrlimit(RLIMIT_CORE, &none);
}

static const struct transport_ops *
kind_of(const struct config *c)
{
    static const struct transport_ops *const kinds[] = {
        [TRANSPORT_LOG] = &disk_transport,
        [TRANSPORT_MEMORY] = &memory_transport,
        [TRANSPORT_REDIS] = &redis_transport,
    };
    return kinds[c->transport];
}

static struct transport *
open_history(const struct config *c, struct error *err)
{
    struct redis_settings redis = {0};
    if (c->transport == TRANSPORT_REDIS)
        redis_settings_of(&redis, c);
    const struct transport_settings settings = {
        .tail_bytes = c->tail,
        .max_batch_bytes = c->max_batch_bytes,
        .redis = &redis,
        .path = c->history_path,
        .max_events = c->max_events,
        .max_bytes = c->max_bytes,
        .max_age_ms = c->max_age_ms,
        .sync_interval_ms = c->sync_interval_ms,
        .unsafe_filesystem = c->unsafe_filesystem,
        .subscriptions = c->subscriptions,
        .subscriptions_max_bytes = c->subscriptions_max_bytes,
        .subscriptions_max_age_ms = c->subscriptions_max_age_ms,
        .has_random_ids = c->id_format_uuid4};
    struct transport *t = transport_open(kind_of(c), &settings, err);
    redis_settings_fini(&redis);
    return t;
}

static void
start_workers(struct process *p)
{
    for (unsigned i = 0; i < p->worker_count; i++) {
        p->workers[i] = worker_new(i);
        p->homes[i] = hub_worker_new(p->hub, p->workers[i]);
        for (size_t k = 0; k < p->listeners.count; k++)
            listener_watch(p->listeners.all[k], p->workers[i],
                           gateway_door(p->gateway, k < p->listeners.hub_count ? GATEWAY_HUB
                                                                               : GATEWAY_METRICS));
    }
    struct position last =
        transport_start(p->transport, p->workers, p->worker_count, delivery_receive);
    for (unsigned i = 0; i < p->worker_count; i++)
        hub_start_at(p->homes[i], last);
    for (unsigned i = 0; i < p->worker_count; i++)
        worker_start(p->workers[i]);
}

static void
say_ready(const struct process *p)
{
    const struct config *c = p->rules->config;
    for (size_t k = 0; k < p->listeners.count; k++)
        log_line(LOG_INFO, k < p->listeners.hub_count ? "listening" : "metrics_listening",
                 "address=%s", LOG_SLICE(slice_of(listener_address(p->listeners.all[k]))));
    log_line(LOG_INFO, "ready", "workers=%u path=%s transport=%s%s%s", p->worker_count, c->path,
             kind_of(c)->name, c->name ? " name=" : "",
             c->name ? LOG_SLICE(slice_of(c->name)) : "");
    notify_supervisor("READY=1");
    if (p->launch->log) {
        log_file_take_streams();
        pid_file_set_ready(p->launch->pid_file, true);
    }
}

/* Streams stay, and so does what a front keeps idle: they would have them all, and nobody could
 * publish. */
static size_t
without_publishes(size_t connections)
{
    size_t kept = connections / PUBLISH_SHARE;
    return connections - (kept < MOST_FOR_PUBLISHES ? kept : MOST_FOR_PUBLISHES);
}

static bool
start(struct process *p, struct error *err)
{
    const struct config *c = p->rules->config;
    if (!settle_workers(p, err))
        return false;
    size_t connections = settle_connections(p);
    if ((p->transport = open_history(c, err)) == NULL || !listeners_open(&p->listeners, c, err))
        return false;
    p->hub = hub_new(p->rules, p->transport, p->fetcher);
    const struct gateway_settings settings = {
        .routes = {[GATEWAY_HUB] = routes_find, [GATEWAY_METRICS] = routes_find_metrics},
        .max_connections = connections,
        .kept_connections = without_publishes(connections),
        .workers = p->worker_count,
        .pending = &p->hub->pending_bytes,
        .stopping = &p->hub->stopping,
        .places = transport_key(p->transport),
        .delivered = hub_delivered};
    p->gateway = gateway_new(&settings, p->rules);
    p->hub->connections = &gateway_door(p->gateway, GATEWAY_HUB)->connections;
    p->hub->stream_connections = settings.kept_connections;
    metrics_add(METRIC_connections_most, connections);
    start_workers(p);
    say_ready(p);
    return true;
}

static void
end_service(struct process *p)
{
    uint64_t until = clock_mono_ms() + p->rules->config->shutdown_timeout_ms;
    atomic_size_t *connections = &gateway_door(p->gateway, GATEWAY_HUB)->connections;
    on_every_worker(stop_listening);
    atomic_store(&p->hub->stopping, true);
    on_every_worker(drain);
    transport_refuse(p->transport); /* what it has is committed and answered; later ones get 503 */
    wait_for_zero(&p->hub->publishes_underway, until);
    on_every_worker(end_streams);
    wait_for_zero(connections, until);
    size_t left = atomic_load(connections);
    if (left)
        log_line(LOG_WARN, "shutdown_timeout", "connections_cut=%zu", left);
    on_every_worker(cut_all);
}

static void
take_down(struct process *p)
{
    if (p->transport)
        transport_stop(p->transport);
    fetcher_stop(p->fetcher); /* what it told the workers is in their mailboxes by now */
    for (unsigned i = 0; i < p->worker_count && p->workers[i]; i++)
        worker_stop(p->workers[i]);
    for (unsigned i = 0; i < p->worker_count && p->workers[i]; i++)
        worker_join(p->workers[i]);
}

static void
release(struct process *p)
{
    for (unsigned i = 0; i < p->worker_count; i++) {
        hub_worker_free(&p->homes[i]);
        worker_free(&p->workers[i]);
    }
    gateway_free(&p->gateway);
    transport_free(&p->transport);
    hub_free(&p->hub);
    listeners_close(&p->listeners);
    rules_unref(&p->rules);
    fetcher_free(&p->fetcher);
}

void
process_reopen_log(void)
{
    log_file_reopen(process.rules->config);
}

void
process_rotate_log(void)
{
    log_file_rotate(process.rules->config);
}

void
process_reload(void)
{
    struct process *p = &process;
    struct string_list fixed = {0};
    struct key_source **sources;
    notify_supervisor("RELOADING=1");
    struct rules *fresh =
        rules_load(p->launch->file, p->fetcher, p->rules->config, &fixed, &sources, say_at_reload);
    if (fresh) {
        rules_load_say_notes(&fresh->config->notes);
        for (size_t i = 0; i < fixed.count; i++)
            log_line(LOG_WARN, "reload_needs_restart",
                     "directive=%s msg=\"it was changed, and that takes a restart\"",
                     fixed.items[i]);
        rules_unref(&p->rules);
        p->rules = fresh;
        log_set_level(log_file_level(fresh->config));
        log_file_watch(fresh->config);
        watch_key_sets(p, sources);
        gateway_hand_out(p->gateway, p->workers, fresh);
        reload_hand_out(p->workers, p->worker_count, fresh);
        log_line(LOG_INFO, "reloaded", "%s", "");
    }
    string_list_clear(&fixed);
    notify_supervisor("READY=1");
}

static bool
open_log(const struct process *p, struct error *err)
{
    const struct config *c = p->rules->config;
    return log_file_open(c, c->log_file ? c->log_file : p->launch->log, err);
}

bool
process_load(const struct launch *launch)
{
    struct process *p = &process;
    struct error err = {""};
    hash_seed();
    p->launch = launch;
    p->fetcher = fetcher_new(on_key_set, p);
    p->rules = rules_load(launch->file, p->fetcher, NULL, NULL, &p->sources, say_at_start);
    if (p->rules == NULL || !open_log(p, &err)) {
        if (p->rules)
            say_at_start(LOG_ERROR, err.text);
        if (p->rules)
            fetcher_drop(&p->sources, p->rules->config->sources.count);
        release(p);
        return false;
    }
    if (!p->rules->config->debug)
        forbid_core_dumps();
    rules_load_say_notes(&p->rules->config->notes);
    return true;
}

bool
process_start(void)
{
    struct process *p = &process;
    struct error err = {""};
    log_file_watch(p->rules->config);
    if (!start(p, &err)) {
        log_line(LOG_ERROR, "start_failed", "msg=%s",
                 log_slice((char[600]){0}, 600, slice_of(err.text)));
        if (log_descriptor() != STDERR_FILENO)
            say_at_start(LOG_ERROR, err.text); /* whoever began it looks there */
        p->worker_count = 0;
        fetcher_drop(&p->sources, p->rules->config->sources.count);
        release(p);
        return false;
    }
    watch_key_sets(p, p->sources); /* now there are workers to tell */
    return true;
}

void
process_stop(int signal)
{
    struct process *p = &process;
    notify_supervisor("STOPPING=1");
    if (p->launch->log)
        pid_file_set_ready(p->launch->pid_file, false);
    log_line(LOG_INFO, "stopping", "signal=%d", signal);
    end_service(p);
    take_down(p);
    metrics_log();
    release(p);
    log_line(LOG_INFO, "stopped", "%s", "");
}
