/* disk - the transport that keeps its history on disk.
 *
 * Three threads: the writer makes one commit of all that waits and then mails it; the reader
 * answers look-ups and reads; the keeper prepares, seals, indexes and removes files. A worker only
 * leaves its request in an inbox and is mailed the answer: it never waits for the disk.
 *
 * Nothing is shown before it is committed: the writer mails a batch, and the answers to its
 * publishers, after joint_commit() said so, and by then the reader finds it, and the registry has
 * what begins and ends in it.
 *
 * Lock order: `lock` is a leaf. */

#include "transport/disk/disk.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "metrics/metrics.h"
#include "transport/broadcast.h"
#include "transport/disk/joint_reader.h"
#include "transport/disk/joint_writer.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

enum duty {
    DUTY_WRITER,
    DUTY_READER,
    DUTY_KEEPER,
    DUTIES,
};

struct disk {
    struct transport base;

    /* Set before the threads start, then read-only. */
    struct transport_settings settings;
    struct joint *joint; /* owns */
    pthread_t threads[DUTIES];
    bool started;

    /* The writer alone. */
    struct broadcast broadcast;
    struct list waiting; /* publishes that are taken but not committed */
    struct update *candidates[JOINT_BATCH];

    /* Any thread, under lock. */
    pthread_mutex_t lock;
    pthread_cond_t wake[DUTIES];
    struct list publishes, finds, reads, probes;
    bool refusing, stopping, poked;

    /* Writer and keeper write, anybody reads. */
    _Atomic uint64_t events, bytes, oldest_ms, active_events, active_bytes;
};

static struct disk *
disk_of(struct transport *t)
{
    return CONTAINER_OF(t, struct disk, base);
}

static struct transport *
disk_open(const struct transport_settings *s, struct error *err)
{
    struct joint *joint = joint_open(s, err);
    if (joint == NULL)
        return NULL;
    struct disk *d = xalloc(sizeof *d);
    d->base.ops = &disk_transport;
    d->settings = *s;
    d->joint = joint;
    list_init(&d->waiting);
    list_init(&d->publishes);
    list_init(&d->finds);
    list_init(&d->reads);
    list_init(&d->probes);
    pthread_mutex_init(&d->lock, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    for (int i = 0; i < DUTIES; i++)
        pthread_cond_init(&d->wake[i], &attributes);
    pthread_condattr_destroy(&attributes);
    return &d->base;
}

/* --- requests: the workers' threads ------------------------------------------------------------
 */

static void
disk_publish(struct transport *t, struct transport_publish *p)
{
    struct disk *d = disk_of(t);
    p->committed = 0;
    pthread_mutex_lock(&d->lock);
    bool refusing = d->refusing;
    if (!refusing) {
        list_append(&d->publishes, &p->message.node);
        pthread_cond_signal(&d->wake[DUTY_WRITER]);
    }
    pthread_mutex_unlock(&d->lock);
    if (!refusing)
        return;
    for (uint32_t i = 0; i < p->count; i++)
        update_unref(&p->updates[i]);
    p->outcome = PUBLISH_STOPPED;
    worker_post(p->origin, &p->message);
}

static void
ask_reader(struct disk *d, struct list *inbox, struct message *m)
{
    pthread_mutex_lock(&d->lock);
    list_append(inbox, &m->node);
    pthread_cond_signal(&d->wake[DUTY_READER]);
    pthread_mutex_unlock(&d->lock);
}

static void
disk_find(struct transport *t, struct transport_find *f)
{
    ask_reader(disk_of(t), &disk_of(t)->finds, &f->message);
}

static void
disk_read(struct transport *t, struct transport_read *r)
{
    ask_reader(disk_of(t), &disk_of(t)->reads, &r->message);
}

static void
disk_probe(struct transport *t, struct transport_probe *p)
{
    struct disk *d = disk_of(t);
    pthread_mutex_lock(&d->lock);
    list_append(&d->probes, &p->message.node);
    d->poked = true;
    pthread_cond_signal(&d->wake[DUTY_WRITER]);
    pthread_mutex_unlock(&d->lock);
}

static void
disk_stat(struct transport *t, struct transport_stat *ret)
{
    struct disk *d = disk_of(t);
    ret->events = atomic_load_explicit(&d->events, memory_order_relaxed);
    ret->bytes = atomic_load_explicit(&d->bytes, memory_order_relaxed);
    ret->oldest_ms = atomic_load_explicit(&d->oldest_ms, memory_order_relaxed);
    ret->subscriptions_events = atomic_load_explicit(&d->active_events, memory_order_relaxed);
    ret->subscriptions_bytes = atomic_load_explicit(&d->active_bytes, memory_order_relaxed);
}

static struct registry *
disk_registry(struct transport *t)
{
    return disk_of(t)->joint->registry;
}

static const struct hash_key *
disk_key(const struct transport *t)
{
    return &CONTAINER_OF(t, struct disk, base)->joint->published->segments.key;
}

static void
disk_delivered(struct transport *t, unsigned worker, size_t bytes)
{
    struct disk *d = disk_of(t);
    if (!broadcast_delivered(&d->broadcast, worker, bytes))
        return;
    pthread_mutex_lock(&d->lock);
    d->poked = true;
    pthread_cond_signal(&d->wake[DUTY_WRITER]);
    pthread_mutex_unlock(&d->lock);
}

/* --- threads ------------------------------------------------------------------------------------
 */

/* Waits for a signal, at most so long. The lock is held. */
static void
wait_for(struct disk *d, enum duty duty, uint64_t ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)(ms / 1000);
    until.tv_nsec += (long)(ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_cond_timedwait(&d->wake[duty], &d->lock, &until);
}

static struct transport_publish *
publish_at(struct list *node)
{
    return CONTAINER_OF(node, struct transport_publish, message.node);
}

/* What was not committed of it is let go. */
static void
answer_publish(struct disk *d, struct transport_publish *p, enum publish_outcome outcome)
{
    list_unlink(&p->message.node);
    for (uint32_t i = p->committed; i < p->count; i++)
        update_unref(&p->updates[i]);
    p->outcome = outcome;
    broadcast_answer(&d->broadcast, p->origin, &p->message);
}

/* Whoever waits with one of the first `count` updates hears that it was not confirmed. */
static void
fail_first(struct disk *d, uint32_t count, enum publish_outcome outcome)
{
    while (count > 0) {
        struct transport_publish *p = publish_at(d->waiting.next);
        uint32_t left = p->count - p->committed;
        count -= left < count ? left : count;
        answer_publish(d, p, outcome);
    }
    broadcast_send(&d->broadcast);
}

/* The batch is the first of what waits; whoever has all of it committed is answered. */
static void
confirm(struct disk *d, const struct batch *b)
{
    for (uint32_t i = 0; i < b->count; i++) {
        struct transport_publish *p = publish_at(d->waiting.next);
        if (p->committed == 0)
            p->before = batch_before(b, i);
        update_unref(&p->updates[p->committed++]);
        if (p->committed == p->count)
            answer_publish(d, p, PUBLISH_COMMITTED);
    }
}

static uint32_t
collect(struct disk *d)
{
    size_t bytes = 0;
    uint32_t count = 0;
    for (struct list *node = d->waiting.next; node != &d->waiting; node = node->next) {
        const struct transport_publish *p = publish_at(node);
        for (uint32_t i = p->committed; i < p->count; i++) {
            d->candidates[count] = p->updates[i];
            bytes += p->updates[i]->size;
            if (++count == JOINT_BATCH || bytes >= d->settings.max_batch_bytes)
                return count;
        }
    }
    return count;
}

static void
note_held(struct disk *d)
{
    struct transport_stat held;
    joint_stat(d->joint, &held);
    atomic_store_explicit(&d->events, held.events, memory_order_relaxed);
    atomic_store_explicit(&d->bytes, held.bytes, memory_order_relaxed);
    atomic_store_explicit(&d->oldest_ms, held.oldest_ms, memory_order_relaxed);
    atomic_store_explicit(&d->active_events, held.subscriptions_events, memory_order_relaxed);
    atomic_store_explicit(&d->active_bytes, held.subscriptions_bytes, memory_order_relaxed);
}

static void
answer_probes(struct disk *d, struct list *probes)
{
    struct list *node;
    while ((node = list_shift(probes)) != NULL) {
        struct transport_probe *p = CONTAINER_OF(node, struct transport_probe, message.node);
        p->ok = joint_is_well(d->joint);
        worker_post(p->origin, &p->message);
    }
}

static void
commit_one_batch(struct disk *d)
{
    struct batch *b;
    uint64_t began = clock_mono_ns();
    uint32_t count = collect(d);
    enum writer_readiness readiness = joint_commit(d->joint, d->candidates, count, &b, &count);
    if (readiness != WRITER_READY) {
        fail_first(d, count, readiness == WRITER_TOO_LARGE ? PUBLISH_TOO_LARGE : PUBLISH_FAILED);
        return;
    }
    metrics_took(METRIC_commit, clock_mono_ns() - began);
    note_held(d);
    confirm(d, b);
    broadcast_batch(&d->broadcast, b);
    broadcast_send(&d->broadcast);
    batch_unref(&b);
}

static void *
write_thread(void *arg)
{
    struct disk *d = arg;
    pthread_setname_np(pthread_self(), "history-write");
    uint64_t next_tick = 0;
    struct list probes;
    list_init(&probes);
    pthread_mutex_lock(&d->lock);
    for (;;) {
        uint64_t now = clock_mono_ms();
        bool lags = !list_is_empty(&d->waiting); /* what is left is held up by a worker */
        if (list_is_empty(&d->publishes) || lags) {
            if (d->stopping && !lags && list_is_empty(&d->probes))
                break;
            if (now < next_tick && !d->poked)
                wait_for(d, DUTY_WRITER, next_tick - now);
        }
        d->poked = false;
        list_splice(&d->waiting, &d->publishes);
        list_splice(&probes, &d->probes);
        pthread_mutex_unlock(&d->lock);
        while (!list_is_empty(&d->waiting) && !broadcast_lags(&d->broadcast))
            commit_one_batch(d);
        now = clock_mono_ms();
        if (now >= next_tick)
            next_tick = now + joint_tick(d->joint);
        answer_probes(d, &probes);
        bool again = joint_carry(d->joint, JOINT_BATCH);
        pthread_mutex_lock(&d->lock);
        d->poked |= again;
    }
    pthread_mutex_unlock(&d->lock);
    return NULL;
}

static void *
read_thread(void *arg)
{
    struct disk *d = arg;
    struct list finds, reads, *node;
    pthread_setname_np(pthread_self(), "history-read");
    list_init(&finds);
    list_init(&reads);
    pthread_mutex_lock(&d->lock);
    for (;;) {
        if (list_is_empty(&d->finds) && list_is_empty(&d->reads)) {
            if (d->stopping)
                break;
            pthread_cond_wait(&d->wake[DUTY_READER], &d->lock);
        }
        list_splice(&finds, &d->finds);
        list_splice(&reads, &d->reads);
        pthread_mutex_unlock(&d->lock);
        while ((node = list_shift(&finds)) != NULL) {
            struct transport_find *f = CONTAINER_OF(node, struct transport_find, message.node);
            joint_find(d->joint, f);
            worker_post(f->origin, &f->message);
        }
        while ((node = list_shift(&reads)) != NULL) {
            struct transport_read *r = CONTAINER_OF(node, struct transport_read, message.node);
            joint_read(d->joint, r);
            worker_post(r->origin, &r->message);
        }
        pthread_mutex_lock(&d->lock);
    }
    pthread_mutex_unlock(&d->lock);
    return NULL;
}

static void *
keep_thread(void *arg)
{
    struct disk *d = arg;
    pthread_setname_np(pthread_self(), "history-keep");
    pthread_mutex_lock(&d->lock);
    while (!d->stopping) {
        pthread_mutex_unlock(&d->lock);
        uint64_t again = joint_keep(d->joint);
        note_held(d);
        pthread_mutex_lock(&d->lock);
        if (again && !d->stopping)
            wait_for(d, DUTY_KEEPER, again);
    }
    pthread_mutex_unlock(&d->lock);
    return NULL;
}

static struct position
disk_start(struct transport *t, struct worker **workers, unsigned count,
           void (*receive)(struct worker *, struct message *))
{
    static void *(*const duties[])(void *) = {write_thread, read_thread, keep_thread};
    struct disk *d = disk_of(t);
    struct position last = d->joint->last;
    note_held(d);
    broadcast_init(&d->broadcast, workers, count, d->settings.tail_bytes, receive);
    d->started = true;
    for (int i = 0; i < DUTIES; i++)
        ENSURE(pthread_create(&d->threads[i], NULL, duties[i], d) == 0);
    return last;
}

static void
disk_refuse(struct transport *t)
{
    struct disk *d = disk_of(t);
    pthread_mutex_lock(&d->lock);
    d->refusing = true;
    pthread_mutex_unlock(&d->lock);
}

static void
disk_stop(struct transport *t)
{
    struct disk *d = disk_of(t);
    if (!d->started)
        return;
    pthread_mutex_lock(&d->lock);
    d->stopping = true;
    for (int i = 0; i < DUTIES; i++)
        pthread_cond_signal(&d->wake[i]);
    pthread_mutex_unlock(&d->lock);
    for (int i = 0; i < DUTIES; i++)
        ENSURE(pthread_join(d->threads[i], NULL) == 0);
    joint_stop(d->joint);
}

static void
disk_free(struct transport **ref)
{
    struct disk *d = disk_of(*ref);
    *ref = NULL;
    joint_close(&d->joint);
    if (d->started)
        broadcast_fini(&d->broadcast);
    for (int i = 0; i < DUTIES; i++)
        pthread_cond_destroy(&d->wake[i]);
    pthread_mutex_destroy(&d->lock);
    free(d);
}

const struct transport_ops disk_transport = {
    .name = "log",
    .open = disk_open,
    .start = disk_start,
    .publish = disk_publish,
    .find = disk_find,
    .read = disk_read,
    .probe = disk_probe,
    .stat = disk_stat,
    .key = disk_key,
    .registry = disk_registry,
    .delivered = disk_delivered,
    .refuse = disk_refuse,
    .stop = disk_stop,
    .free = disk_free,
};
