/* log - the transport that keeps its history on disk.
 *
 * Three threads: the writer makes one commit of all that waits and then mails it; the reader
 * answers look-ups and reads; the keeper prepares, seals, indexes and removes files. A worker only
 * leaves its request in an inbox and is mailed the answer: it never waits for the disk.
 *
 * Nothing is shown before it is committed: the writer mails a batch, and the answers to its
 * publishers, after store_commit() said so, and by then the reader finds it.
 *
 * Lock order: `lock` is a leaf. */

#include "transport/log/log.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "metrics/metrics.h"
#include "transport/broadcast.h"
#include "transport/log/store.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

enum {
    MAX_BATCH_COUNT = 4096
};

enum duty {
    DUTY_WRITER,
    DUTY_READER,
    DUTY_KEEPER,
    DUTIES,
};

struct log {
    struct transport base;

    /* Set before the threads start, then read-only. */
    struct transport_settings settings;
    struct store *store; /* owns */
    pthread_t threads[DUTIES];
    bool started;

    /* The writer alone. */
    struct broadcast broadcast;
    struct list waiting; /* publishes that are taken but not committed */
    struct update *candidates[MAX_BATCH_COUNT];

    /* Any thread, under lock. */
    pthread_mutex_t lock;
    pthread_cond_t wake[DUTIES];
    struct list publishes, finds, reads, probes;
    bool refusing, stopping, poked;
    bool room; /* for the keeper: the writer took the prepared file */

    /* Writer and keeper write, anybody reads. */
    _Atomic uint64_t events, bytes, oldest_ms;
};

static struct log *
log_of(struct transport *t)
{
    return CONTAINER_OF(t, struct log, base);
}

static struct transport *
log_transport_open(const struct transport_settings *s, struct error *err)
{
    const struct store_settings settings = {.path = s->path,
                                            .max_events = s->max_events,
                                            .max_bytes = s->max_bytes,
                                            .max_age_ms = s->max_age_ms,
                                            .sync_interval_ms = s->sync_interval_ms,
                                            .cache_bytes = s->tail_bytes,
                                            .unsafe_filesystem = s->unsafe_filesystem};
    struct store *store = store_open(&settings, err);
    if (store == NULL)
        return NULL;
    struct log *l = xalloc(sizeof *l);
    l->base.ops = &transport_log;
    l->settings = *s;
    l->store = store;
    list_init(&l->waiting);
    list_init(&l->publishes);
    list_init(&l->finds);
    list_init(&l->reads);
    list_init(&l->probes);
    pthread_mutex_init(&l->lock, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    for (int i = 0; i < DUTIES; i++)
        pthread_cond_init(&l->wake[i], &attributes);
    pthread_condattr_destroy(&attributes);
    return &l->base;
}

/* --- requests: the workers' threads ------------------------------------------------------------
 */

static void
log_publish(struct transport *t, struct transport_publish *p)
{
    struct log *l = log_of(t);
    pthread_mutex_lock(&l->lock);
    bool refusing = l->refusing;
    if (!refusing) {
        list_append(&l->publishes, &p->message.node);
        pthread_cond_signal(&l->wake[DUTY_WRITER]);
    }
    pthread_mutex_unlock(&l->lock);
    if (!refusing)
        return;
    update_unref(&p->update);
    p->outcome = PUBLISH_STOPPED;
    worker_post(p->origin, &p->message);
}

static void
ask_reader(struct log *l, struct list *inbox, struct message *m)
{
    pthread_mutex_lock(&l->lock);
    list_append(inbox, &m->node);
    pthread_cond_signal(&l->wake[DUTY_READER]);
    pthread_mutex_unlock(&l->lock);
}

static void
log_find(struct transport *t, struct transport_find *f)
{
    ask_reader(log_of(t), &log_of(t)->finds, &f->message);
}

static void
log_read(struct transport *t, struct transport_read *r)
{
    ask_reader(log_of(t), &log_of(t)->reads, &r->message);
}

static void
log_probe(struct transport *t, struct transport_probe *p)
{
    struct log *l = log_of(t);
    pthread_mutex_lock(&l->lock);
    list_append(&l->probes, &p->message.node);
    l->poked = true;
    pthread_cond_signal(&l->wake[DUTY_WRITER]);
    pthread_mutex_unlock(&l->lock);
}

static void
log_stat(struct transport *t, struct transport_stat *ret)
{
    struct log *l = log_of(t);
    ret->events = atomic_load_explicit(&l->events, memory_order_relaxed);
    ret->bytes = atomic_load_explicit(&l->bytes, memory_order_relaxed);
    ret->oldest_ms = atomic_load_explicit(&l->oldest_ms, memory_order_relaxed);
}

static void
log_delivered(struct transport *t, unsigned worker, size_t bytes)
{
    struct log *l = log_of(t);
    if (!broadcast_delivered(&l->broadcast, worker, bytes))
        return;
    pthread_mutex_lock(&l->lock);
    l->poked = true;
    pthread_cond_signal(&l->wake[DUTY_WRITER]);
    pthread_mutex_unlock(&l->lock);
}

/* --- threads ------------------------------------------------------------------------------------
 */

/* Waits for a signal, at most so long. The lock is held. */
static void
wait_for(struct log *l, enum duty duty, uint64_t ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)(ms / 1000);
    until.tv_nsec += (long)(ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_cond_timedwait(&l->wake[duty], &l->lock, &until);
}

static struct transport_publish *
publish_at(struct list *node)
{
    return CONTAINER_OF(node, struct transport_publish, message.node);
}

static void
answer_publish(struct log *l, struct transport_publish *p, enum publish_outcome outcome)
{
    update_unref(&p->update);
    p->outcome = outcome;
    broadcast_answer(&l->broadcast, p->origin, &p->message);
}

/* The first `count` of what waits were not confirmed. */
static void
fail_first(struct log *l, uint32_t count, enum publish_outcome outcome)
{
    while (count-- > 0)
        answer_publish(l, publish_at(list_shift(&l->waiting)), outcome);
    broadcast_send(&l->broadcast);
}

static uint32_t
collect(struct log *l)
{
    size_t bytes = 0;
    uint32_t count = 0;
    for (struct list *node = l->waiting.next; node != &l->waiting; node = node->next) {
        l->candidates[count] = publish_at(node)->update;
        bytes += l->candidates[count++]->size;
        if (count == MAX_BATCH_COUNT || bytes >= l->settings.max_batch_bytes)
            break;
    }
    return count;
}

static void
note_held(struct log *l)
{
    struct transport_stat held;
    store_stat(l->store, &held);
    atomic_store_explicit(&l->events, held.events, memory_order_relaxed);
    atomic_store_explicit(&l->bytes, held.bytes, memory_order_relaxed);
    atomic_store_explicit(&l->oldest_ms, held.oldest_ms, memory_order_relaxed);
}

static void
answer_probes(struct log *l, struct list *probes)
{
    struct list *node;
    while ((node = list_shift(probes)) != NULL) {
        struct transport_probe *p = CONTAINER_OF(node, struct transport_probe, message.node);
        p->ok = store_is_well(l->store);
        worker_post(p->origin, &p->message);
    }
}

static void
commit_one_batch(struct log *l)
{
    struct error err;
    uint64_t began = clock_mono_ns();
    uint32_t count = collect(l), fits;
    enum store_readiness readiness = store_begin(l->store, l->candidates, count, &fits, &err);
    if (readiness != STORE_READY) {
        fail_first(l, readiness == STORE_FAILED ? count : 1,
                   readiness == STORE_TOO_LARGE ? PUBLISH_TOO_LARGE : PUBLISH_FAILED);
        return;
    }
    struct batch *b = batch_new(fits);
    for (uint32_t i = 0; i < fits; i++)
        b->updates[i] = update_ref(l->candidates[i]);
    if (store_commit(l->store, b, &err)) {
        metrics_took(METRIC_commit, clock_mono_ns() - began);
        note_held(l);
        for (uint32_t i = 0; i < fits; i++)
            answer_publish(l, publish_at(list_shift(&l->waiting)), PUBLISH_COMMITTED);
        broadcast_batch(&l->broadcast, b);
        broadcast_send(&l->broadcast);
    } else {
        fail_first(l, fits, PUBLISH_FAILED);
    }
    batch_unref(&b);
}

static void *
write_thread(void *arg)
{
    struct log *l = arg;
    pthread_setname_np(pthread_self(), "history-write");
    uint64_t next_tick = 0;
    struct list probes;
    list_init(&probes);
    pthread_mutex_lock(&l->lock);
    for (;;) {
        uint64_t now = clock_mono_ms();
        bool lags = !list_is_empty(&l->waiting); /* what is left is held up by a worker */
        if (list_is_empty(&l->publishes) || lags) {
            if (l->stopping && !lags && list_is_empty(&l->probes))
                break;
            if (now < next_tick && !l->poked)
                wait_for(l, DUTY_WRITER, next_tick - now);
        }
        l->poked = false;
        list_splice(&l->waiting, &l->publishes);
        list_splice(&probes, &l->probes);
        pthread_mutex_unlock(&l->lock);
        while (!list_is_empty(&l->waiting) && !broadcast_lags(&l->broadcast))
            commit_one_batch(l);
        now = clock_mono_ms();
        if (now >= next_tick)
            next_tick = now + store_tick(l->store);
        answer_probes(l, &probes);
        pthread_mutex_lock(&l->lock);
    }
    pthread_mutex_unlock(&l->lock);
    return NULL;
}

static void *
read_thread(void *arg)
{
    struct log *l = arg;
    struct list finds, reads, *node;
    pthread_setname_np(pthread_self(), "history-read");
    list_init(&finds);
    list_init(&reads);
    pthread_mutex_lock(&l->lock);
    for (;;) {
        if (list_is_empty(&l->finds) && list_is_empty(&l->reads)) {
            if (l->stopping)
                break;
            pthread_cond_wait(&l->wake[DUTY_READER], &l->lock);
        }
        list_splice(&finds, &l->finds);
        list_splice(&reads, &l->reads);
        pthread_mutex_unlock(&l->lock);
        while ((node = list_shift(&finds)) != NULL) {
            struct transport_find *f = CONTAINER_OF(node, struct transport_find, message.node);
            f->failed = !store_find(l->store, f->id, &f->found, &f->position);
            worker_post(f->origin, &f->message);
        }
        while ((node = list_shift(&reads)) != NULL) {
            struct transport_read *r = CONTAINER_OF(node, struct transport_read, message.node);
            store_read(l->store, r->from_removed, &r->after, &r->gone, &r->piece);
            worker_post(r->origin, &r->message);
        }
        pthread_mutex_lock(&l->lock);
    }
    pthread_mutex_unlock(&l->lock);
    return NULL;
}

static void *
keep_thread(void *arg)
{
    struct log *l = arg;
    pthread_setname_np(pthread_self(), "history-keep");
    pthread_mutex_lock(&l->lock);
    while (!l->stopping) {
        pthread_mutex_unlock(&l->lock);
        uint64_t again = store_chore(l->store);
        note_held(l);
        pthread_mutex_lock(&l->lock);
        if (again && !l->stopping)
            wait_for(l, DUTY_KEEPER, again);
    }
    pthread_mutex_unlock(&l->lock);
    return NULL;
}

static struct position
log_start(struct transport *t, struct worker **workers, unsigned count,
          void (*receive)(struct worker *, struct message *))
{
    static void *(*const duties[])(void *) = {write_thread, read_thread, keep_thread};
    struct log *l = log_of(t);
    struct position last = l->store->last;
    note_held(l);
    broadcast_init(&l->broadcast, workers, count, l->settings.tail_bytes, receive);
    l->started = true;
    for (int i = 0; i < DUTIES; i++)
        ENSURE(pthread_create(&l->threads[i], NULL, duties[i], l) == 0);
    return last;
}

static void
log_refuse(struct transport *t)
{
    struct log *l = log_of(t);
    pthread_mutex_lock(&l->lock);
    l->refusing = true;
    pthread_mutex_unlock(&l->lock);
}

static void
log_stop(struct transport *t)
{
    struct log *l = log_of(t);
    if (!l->started)
        return;
    pthread_mutex_lock(&l->lock);
    l->stopping = true;
    for (int i = 0; i < DUTIES; i++)
        pthread_cond_signal(&l->wake[i]);
    pthread_mutex_unlock(&l->lock);
    for (int i = 0; i < DUTIES; i++)
        ENSURE(pthread_join(l->threads[i], NULL) == 0);
}

static void
log_free(struct transport **ref)
{
    struct log *l = log_of(*ref);
    *ref = NULL;
    store_close(&l->store);
    if (l->started)
        broadcast_fini(&l->broadcast);
    for (int i = 0; i < DUTIES; i++)
        pthread_cond_destroy(&l->wake[i]);
    pthread_mutex_destroy(&l->lock);
    free(l);
}

const struct transport_ops transport_log = {
    .name = "log",
    .open = log_transport_open,
    .start = log_start,
    .publish = log_publish,
    .find = log_find,
    .read = log_read,
    .probe = log_probe,
    .stat = log_stat,
    .delivered = log_delivered,
    .refuse = log_refuse,
    .stop = log_stop,
    .free = log_free,
};
