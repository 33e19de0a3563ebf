/* main - start and stop, in order, and the only exit().
 *
 * Main's thread does nothing else: it opens what the others use, starts transport and workers,
 * waits for a signal, and takes everything down in the order of DESIGN: listeners, idle
 * connections, publishes, streams, workers, transport. */

#include "auth/authority_build.h"
#include "auth/fetcher.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/notify.h"
#include "base/version.h"
#include "cli/ask_cmd.h"
#include "cli/config_cmd.h"
#include "cli/history_cmd.h"
#include "cli/token_cmd.h"
#include "config/judge.h"
#include "config/restart.h"
#include "config/trial.h"
#include "gateway/gateway.h"
#include "hub/delivery.h"
#include "hub/hub.h"
#include "hub/reload.h"
#include "loop/listener.h"
#include "metrics/metrics.h"
#include "routes.h"
#include "transport/log/log.h"
#include "transport/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    MAX_WORKERS = 256,
    MAX_LISTENERS = 80,
    MAX_METRICS_CONNECTIONS = 16,
    SPARE_DESCRIPTORS = 64, /* for listeners, loops, log, library files */
    LARGE_BYTES = 131072,   /* from here on memory is mapped for one object alone */
};

struct process {
    const char *file;    /* the configuration; NULL: the environment */
    struct rules *rules; /* owns a reference: what holds now */
    struct fetcher *fetcher;
    struct transport *transport;
    struct hub *hub;
    struct worker *workers[MAX_WORKERS];
    struct hub_worker *homes[MAX_WORKERS];
    struct link_registry registries[MAX_WORKERS];
    unsigned worker_count;
    struct listener *listeners[MAX_LISTENERS];
    size_t listener_count, hub_listeners; /* the first so many are the hub's, then metrics' */
    struct listener_limits limits, metrics_limits;
    struct link_settings links[MAX_WORKERS]; /* each its worker's alone, once they run */
    struct link_settings metrics_links;
    atomic_size_t held_bytes; /* by connections, beside bodies */
};

static struct process process;

static void
usage(FILE *out)
{
    fputs("alipes: a hub for the Mercure protocol, behind the web server you already run\n"
          "\n"
          "    alipes -c FILE             run with this configuration\n"
          "    alipes                     run with what the environment says (MERCURE_…)\n"
          "    alipes health [-c FILE]    is the hub of this configuration ready? (exit status)\n"
          "    alipes stat [-c FILE]      what it counts, for people (needs metrics_listen)\n"
          "    alipes history …           stat, check, dump, restore: what is on the disk\n"
          "    alipes token …             makes a token; alipes token inspect judges one\n"
          "    alipes config check FILE   is this configuration right?\n"
          "    alipes config --help       every directive\n"
          "    alipes --version\n",
          out);
}

static void
on_connection_freed(struct worker *w)
{
    (void)w;
    metrics_sub(METRIC_connections, 1);
    atomic_fetch_sub_explicit(&process.limits.connections, 1, memory_order_relaxed);
}

static void
on_accepted(struct worker *w, int fd, const struct listener_peer *peer)
{
    metrics_count(METRIC_connections_accepted);
    metrics_add(METRIC_connections, 1);
    unsigned i = worker_number(w);
    gateway_accept(w, fd, peer, &process.links[i], &process.registries[i]);
}

/* A scrape must get through where max_connections is met: it has a place of its own. */
static void
on_metrics_connection_freed(struct worker *w)
{
    (void)w;
    atomic_fetch_sub_explicit(&process.metrics_limits.connections, 1, memory_order_relaxed);
}

static void
on_metrics_accepted(struct worker *w, int fd, const struct listener_peer *peer)
{
    gateway_accept(w, fd, peer, &process.metrics_links, &process.registries[worker_number(w)]);
}

static bool
is_stopping(struct worker *w)
{
    (void)w;
    return atomic_load_explicit(&process.hub->stopping, memory_order_relaxed);
}

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
    link_drain_all(&process.registries[i]);
}

static void
cut_all(unsigned i)
{
    link_close_all(&process.registries[i]);
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

static bool
open_listener(struct process *p, const char *address, struct error *err)
{
    if (p->listener_count == MAX_LISTENERS)
        return error_set(err, "at most %d addresses to listen on", MAX_LISTENERS);
    if ((p->listeners[p->listener_count] = listener_open(address, err)) == NULL)
        return false;
    p->listener_count++;
    return true;
}

/* What `name` lists. The line or the variable is named where it can be but one. */
static bool
open_listed(struct process *p, const char *name, const struct string_list *list, struct error *err)
{
    const struct setting_place *place = settings_place_of(p->rules->config, name);
    bool is_sure = place && (list->count == 1 || !place->is_line);
    for (size_t i = 0; i < list->count; i++) {
        struct error why;
        if (!open_listener(p, list->items[i], &why))
            return error_set(err, "%.150s%s%.350s", is_sure ? place->text : "", is_sure ? ": " : "",
                             why.text);
    }
    return true;
}

static bool
open_listeners(struct process *p, struct error *err)
{
    const struct config *c = p->rules->config;
    char address[32];
    int inherited[MAX_LISTENERS];
    size_t count = listener_inherited(inherited, MAX_LISTENERS);
    for (size_t i = 0; i < count; i++) {
        snprintf(address, sizeof address, "fd/%d", inherited[i]);
        if (!open_listener(p, address, err))
            return false;
    }
    /* Whoever handed sockets over decided where the hub listens. */
    if (count == 0 && !open_listed(p, "listen", &c->listen, err))
        return false;
    p->hub_listeners = p->listener_count;
    return open_listed(p, "metrics_listen", &c->metrics_listen, err);
}

static void
settle_limits(struct process *p)
{
    size_t descriptors = listener_raise_descriptor_limit();
    size_t spare = SPARE_DESCRIPTORS + p->worker_count * 8;
    size_t most = descriptors > 2 * spare ? descriptors - spare : descriptors / 2;
    size_t asked = p->rules->config->max_connections;
    if (asked > most)
        log_line(LOG_WARN, "max_connections_lowered", "asked=%zu descriptors=%zu now=%zu", asked,
                 descriptors, most);
    p->limits.max_connections = asked && asked < most ? asked : most;
    log_line(LOG_INFO, "descriptors",
             "limit=%zu reserve=%zu connections=%zu msg=\"room for %zu "
             "connections, streams included\"",
             descriptors, descriptors - most, p->limits.max_connections, p->limits.max_connections);
}

static void
count_event(struct worker *w, enum link_event event)
{
    static const enum metric bounds[] = {
        [LINK_HEAD_TOO_LARGE] = METRIC_max_request_head,
        [LINK_HEAD_TIMEOUT] = METRIC_head_timeout,
        [LINK_BODY_TIMEOUT] = METRIC_body_timeout,
        [LINK_IDLE_TIMEOUT] = METRIC_idle_timeout,
        [LINK_REPLY_TIMEOUT] = METRIC_reply_timeout,
        [LINK_MAX_REQUESTS] = METRIC_max_requests_per_connection,
        [LINK_MAX_HELD] = METRIC_max_held_bytes,
    };
    (void)w;
    if (event == LINK_BAD_REQUEST)
        metrics_count(METRIC_requests_bad);
    else
        metrics_bound_met(bounds[event], 0);
}

/* How a worker's connections are treated; `c` is what holds now. */
static void
settle_links(struct link_settings *l, struct process *p, const struct config *c)
{
    *l = (struct link_settings){
        .route = routes_find,
        .max_head = c->max_request_head,
        .pending = &p->hub->pending_bytes,
        .max_pending_bytes = c->max_pending_bytes,
        .held = &p->held_bytes,
        .max_held_bytes = c->max_held_bytes,
        .head_timeout_ms = c->head_timeout_ms,
        .body_timeout_ms = c->body_timeout_ms,
        .keepalive_timeout_ms = c->keepalive_timeout_ms,
        .reply_timeout_ms = c->reply_timeout_ms,
        .idle_timeout_ms = c->idle_timeout_ms,
        .linger_timeout_ms = c->linger_timeout_ms,
        .max_requests = c->fastcgi_multiplexing ? c->max_requests_per_connection : 1,
        .max_connections = p->limits.max_connections,
        .count = count_event,
        .freed = on_connection_freed,
        .stopping = is_stopping,
    };
}

/* That worker's thread. */
static void
on_rules(struct worker *w, const struct config *c)
{
    settle_links(&process.links[worker_number(w)], &process, c);
}

/* The fetcher's thread. */
static void
on_key_set(void *context, struct key_source *source, uint64_t attempt, bool changed)
{
    struct process *p = context;
    reload_tell_keys(p->workers, p->worker_count, source, attempt, changed);
}

static void
say_notes(const struct string_list *notes)
{
    for (size_t i = 0; i < notes->count; i++)
        log_line(LOG_WARN, "configuration", "msg=%s",
                 log_slice((char[600]){0}, 600, slice_of(notes->items[i])));
}

/* What is wrong with a configuration that is not used, and what would have been said of it. */
static void
say_why_not(const struct config *c, void (*say)(enum log_level, const char *))
{
    for (size_t i = 0; i < c->errors.count; i++)
        say(LOG_ERROR, c->errors.items[i]);
    for (size_t i = 0; i < c->notes.count; i++)
        say(LOG_WARN, c->notes.items[i]);
}

/* From file or environment to rules. `running` NULL: at start. Where it gives rules, *ret_sources
 * are to be watched; else everything that is wrong was said. */
static struct rules *
load_rules(struct process *p, const struct config *running, struct string_list *ret_fixed,
           struct key_source ***ret_sources, void (*say)(enum log_level, const char *))
{
    struct error err;
    struct config *c = config_read(p->file);
    trial_run(c);
    if (running)
        restart_keep(c, running, ret_fixed);
    if (running)
        judge_update_size(c); /* what is kept bounds what was read */
    struct key_source **sources = fetcher_sources(p->fetcher, c, &err);
    struct authority *authority =
        sources ? authority_build(c, sources, &c->notes, &c->errors) : NULL;
    if (sources == NULL)
        settings_complain(c, "%s", err.text);
    if (c->errors.count) {
        say_why_not(c, say);
        authority_free(&authority);
        fetcher_drop(&sources, c->sources.count);
        config_free(&c);
        return NULL;
    }
    *ret_sources = sources;
    return rules_new(c, authority);
}

static void
watch_key_sets(struct process *p, struct key_source **sources)
{
    fetcher_watch(p->fetcher, p->rules->config, sources);
    fetcher_drop(&sources, p->rules->config->sources.count);
}

static enum log_level
level_of(const struct config *c)
{
    return c->debug ? LOG_DEBUG : c->log_level;
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

/* SIGHUP. Whatever is wrong with the new configuration, the old one stays in force. */
static void
reload(struct process *p)
{
    struct string_list fixed = {0};
    struct key_source **sources;
    notify_supervisor("RELOADING=1");
    struct rules *fresh = load_rules(p, p->rules->config, &fixed, &sources, say_at_reload);
    if (fresh) {
        say_notes(&fresh->config->notes);
        for (size_t i = 0; i < fixed.count; i++)
            log_line(LOG_WARN, "reload_needs_restart",
                     "directive=%s msg=\"it was changed, and that takes a restart\"",
                     fixed.items[i]);
        rules_unref(&p->rules);
        p->rules = fresh;
        log_set_level(level_of(fresh->config));
        watch_key_sets(p, sources);
        reload_hand_out(p->workers, p->worker_count, fresh);
        log_line(LOG_INFO, "reloaded", "%s", "");
    }
    string_list_clear(&fixed);
    notify_supervisor("READY=1");
}

static bool
start(struct process *p, struct error *err)
{
    const struct config *c = p->rules->config;
    const struct transport_ops *kind = c->in_memory ? &transport_memory : &transport_log;
    const struct transport_settings settings = {.tail_bytes = c->tail,
                                                .max_batch_bytes = c->max_batch_bytes,
                                                .path = c->history_path,
                                                .max_events = c->max_events,
                                                .max_bytes = c->max_bytes,
                                                .max_age_ms = c->max_age_ms,
                                                .sync_interval_ms = c->sync_interval_ms,
                                                .unsafe_filesystem = c->unsafe_filesystem};
    p->worker_count = c->workers ? c->workers : default_workers();
    if (p->worker_count > MAX_WORKERS)
        p->worker_count = MAX_WORKERS;
    settle_limits(p);
    if ((p->transport = transport_open(kind, &settings, err)) == NULL || !open_listeners(p, err))
        return false;
    p->hub = hub_new(p->rules, p->transport, p->fetcher);
    p->hub->on_rules = on_rules;
    for (unsigned i = 0; i < p->worker_count; i++)
        settle_links(&p->links[i], p, c);
    p->metrics_links = p->links[0];
    p->metrics_links.route = routes_find_metrics;
    p->metrics_links.freed = on_metrics_connection_freed;
    p->metrics_limits.max_connections = MAX_METRICS_CONNECTIONS;
    for (unsigned i = 0; i < p->worker_count; i++) {
        p->workers[i] = worker_new(i);
        p->homes[i] = hub_worker_new(p->hub, p->workers[i]);
        link_registry_init(&p->registries[i]);
        for (size_t k = 0; k < p->listener_count; k++)
            if (k < p->hub_listeners)
                listener_watch(p->listeners[k], p->workers[i], &p->limits, on_accepted);
            else
                listener_watch(p->listeners[k], p->workers[i], &p->metrics_limits,
                               on_metrics_accepted);
    }
    struct position last =
        transport_start(p->transport, p->workers, p->worker_count, delivery_receive);
    for (unsigned i = 0; i < p->worker_count; i++) {
        hub_start_at(p->homes[i], last);
        worker_start(p->workers[i]);
    }
    for (size_t k = 0; k < p->listener_count; k++)
        log_line(LOG_INFO, k < p->hub_listeners ? "listening" : "metrics_listening", "address=%s",
                 LOG_SLICE(slice_of(listener_address(p->listeners[k]))));
    log_line(LOG_INFO, "ready", "workers=%u path=%s transport=%s%s%s", p->worker_count, c->path,
             kind->name, c->name ? " name=" : "", c->name ? LOG_SLICE(slice_of(c->name)) : "");
    notify_supervisor("READY=1");
    return true;
}

static void
stop(struct process *p)
{
    uint64_t until = clock_mono_ms() + p->rules->config->shutdown_timeout_ms;
    on_every_worker(stop_listening);
    atomic_store(&p->hub->stopping, true);
    on_every_worker(drain);
    transport_refuse(p->transport); /* what it has is committed and answered; later ones get 503 */
    wait_for_zero(&p->hub->publishes_underway, until);
    on_every_worker(end_streams);
    wait_for_zero(&p->limits.connections, until);
    size_t left = atomic_load(&p->limits.connections);
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
    transport_free(&p->transport);
    hub_free(&p->hub);
    for (size_t i = 0; i < p->listener_count; i++)
        listener_close(&p->listeners[i]);
    rules_unref(&p->rules);
    fetcher_free(&p->fetcher);
}

static bool
open_log(const struct config *c, struct error *err)
{
    int fd = STDERR_FILENO;
    if (c->log_file &&
        (fd = open(c->log_file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640)) < 0)
        return error_set(err, "log: cannot open %s: %s", c->log_file, strerror(errno));
    log_open(c->log_format, level_of(c), fd);
    return true;
}

/* SIGUSR1: the file was renamed, and the name shall be a new file. Into the same descriptor, so
 * that every thread may go on writing meanwhile. */
static void
reopen_log(const struct config *c)
{
    if (c->log_file == NULL)
        return;
    int fd = open(c->log_file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
    if (fd < 0 || dup3(fd, log_descriptor(), O_CLOEXEC) < 0)
        log_line(LOG_ERROR, "log_reopen_failed", "file=%s error=%s",
                 LOG_SLICE(slice_of(c->log_file)), LOG_SLICE(slice_of(strerror(errno))));
    else
        log_line(LOG_INFO, "log_reopened", "file=%s", LOG_SLICE(slice_of(c->log_file)));
    if (fd >= 0)
        close(fd);
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

static int
serve(const char *file)
{
    struct error err = {""};
    struct process *p = &process;
    struct key_source **sources = NULL;
    sigset_t signals;
    int signal_number;
    /* Memory fresh from the system is zero, and calloc() does not touch it; of the 128 KiB that
     * glibc takes in reserve it no longer knows that: workers' tables would be written at once. */
    mallopt(M_TOP_PAD, 0);
    hash_seed();
    p->file = file;
    p->fetcher = fetcher_new(on_key_set, p);
    p->rules = load_rules(p, NULL, NULL, &sources, say_at_start);
    if (p->rules == NULL || !open_log(p->rules->config, &err)) {
        if (p->rules)
            say_at_start(LOG_ERROR, err.text);
        if (p->rules)
            fetcher_drop(&sources, p->rules->config->sources.count);
        release(p);
        return 1;
    }
    if (!p->rules->config->debug)
        forbid_core_dumps();
    say_notes(&p->rules->config->notes);
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    sigaddset(&signals, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a file-size limit is an error of a write */
    /* Large bodies and updates go back to the system when they are freed: left to itself, glibc
     * raises the threshold with the largest one freed and keeps twice the bound (measured). */
    mallopt(M_MMAP_THRESHOLD, LARGE_BYTES);
    if (!start(p, &err)) {
        log_line(LOG_ERROR, "start_failed", "msg=%s", LOG_SLICE(slice_of(err.text)));
        p->worker_count = 0;
        fetcher_drop(&sources, p->rules->config->sources.count);
        release(p);
        return 1;
    }
    watch_key_sets(p, sources); /* now there are workers to tell */
    do {
        while (sigwait(&signals, &signal_number) != 0)
            ;
        if (signal_number == SIGHUP)
            reload(p);
        if (signal_number == SIGUSR1)
            reopen_log(p->rules->config);
    } while (signal_number == SIGHUP || signal_number == SIGUSR1);
    notify_supervisor("STOPPING=1");
    log_line(LOG_INFO, "stopping", "signal=%d", signal_number);
    stop(p);
    take_down(p);
    metrics_log();
    release(p);
    log_line(LOG_INFO, "stopped", "%s", "");
    return 0;
}

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
} commands[] = {
    {"config", config_cmd}, {"history", history_cmd}, {"token", token_cmd},
    {"health", ask_cmd},    {"stat", ask_cmd},
};

/* A command that failed with a configuration that nobody named says which it was. */
static int
run_command(size_t at, int argc, char **argv)
{
    int status = commands[at].run(argc - 1, argv + 1);
    if (status && config_found())
        fprintf(stderr,
                "alipes: the configuration was %s, since there is no -c, no ALIPES_CONFIG and no "
                "MERCURE_ variable\n",
                config_found());
    return status;
}

static int
run(int argc, char **argv)
{
    for (size_t i = 0; argc >= 2 && i < COUNT_OF(commands); i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            return run_command(i, argc, argv);
    if (argc == 1)
        return serve(NULL);
    if (argc == 3 && strcmp(argv[1], "-c") == 0)
        return serve(argv[2]);
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        puts("alipes " VERSION);
        return 0;
    }
    bool help = argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0);
    usage(help ? stdout : stderr);
    return help ? 0 : 2;
}

int
main(int argc, char **argv)
{
    log_open(LOG_LOGFMT, LOG_INFO, STDERR_FILENO); /* until a configuration says otherwise */
    int status = run(argc, argv);
    if (!fetcher_left_behind())
        return status;
    fflush(NULL);
    _exit(status);
}
