/* memory - a transport that keeps a bounded ring of batches and nothing on disk.
 *
 * It has no thread of its own: with nothing to wait for, handing over and waking costs several
 * times what a commit does (measured: 26 us of CPU a publish with a thread, 12 without). At the end
 * of a worker's turn, if it asked for something, it serves everything that waits in the inbox, also
 * what other workers put there; if another worker is at it already, that one goes on until nothing
 * is left. So at most one worker at a time is the `server` of the ring: it makes batches of the
 * publishes, gives positions, puts the batch into the ring (that is "committed" here), and only
 * then mails it to the workers and answers. Look-ups and reads see committed updates alone.
 *
 * Back-pressure: while any worker lags more than tail_bytes, publishes wait here; reads do not.
 * A worker that has delivered serves again if somebody said that publishes wait.
 *
 * Lock order: `lock` is a leaf; whoever set `serving` under it owns what the server owns. */

#include "transport/transport.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/hash.h"
#include "metrics/metrics.h"
#include "transport/broadcast.h"

#include <pthread.h>
#include <stdlib.h>

enum {
    MAX_BATCH_COUNT = 4096,
    ROUNDS = 8, /* a server serves others for so long, then has a turn for itself */
};

enum kind {
    KIND_PUBLISH,
    KIND_FIND,
    KIND_READ,
    KIND_PROBE,
    KIND_COUNT,
};

/* One committed batch in the ring, with the hashes of its ids for look-ups. */
struct held {
    struct list node;
    struct batch *batch;
    uint64_t held_ms; /* wall clock */
    uint64_t id_hashes[];
};

/* What each worker has here. */
struct desk {
    struct memory *memory;
    struct worker *worker;
    struct turn_hook hook;
    bool asked; /* its worker's thread alone: serve at the end of this turn */
};

struct memory {
    struct transport base;

    /* Set before the workers start, then read-only. */
    struct transport_settings settings;
    struct desk *desks; /* one a worker */

    /* The server alone. */
    struct broadcast broadcast;
    struct list ring; /* of struct held, oldest first */
    size_t ring_bytes;
    struct position last, removed;
    uint64_t removed_hash;
    char *removed_id;
    size_t removed_id_len;
    struct list waiting; /* publishes that are taken but not committed */

    /* The server writes, anybody reads. */
    _Atomic uint64_t events, bytes, oldest_ms;

    /* Any thread, under lock. */
    pthread_mutex_t lock;
    struct list inbox[KIND_COUNT];
    bool serving, refusing, poked;
};

static struct memory *
memory_of(struct transport *t)
{
    return CONTAINER_OF(t, struct memory, base);
}

static struct transport *
memory_open(const struct transport_settings *settings, struct error *err)
{
    (void)err;
    struct memory *m = xalloc(sizeof *m);
    m->base.ops = &transport_memory;
    m->settings = *settings;
    m->last = m->removed = (struct position){.run = clock_wall_ms(), .sequence = 0};
    list_init(&m->ring);
    list_init(&m->waiting);
    for (int i = 0; i < KIND_COUNT; i++)
        list_init(&m->inbox[i]);
    pthread_mutex_init(&m->lock, NULL);
    return &m->base;
}

/* On the origin's thread, as all requests. */
static void
ask(struct memory *m, struct worker *origin, enum kind kind, struct list *node)
{
    pthread_mutex_lock(&m->lock);
    list_append(&m->inbox[kind], node);
    pthread_mutex_unlock(&m->lock);
    m->desks[worker_number(origin)].asked = true;
}

static void
memory_publish(struct transport *t, struct transport_publish *p)
{
    struct memory *m = memory_of(t);
    pthread_mutex_lock(&m->lock);
    bool refusing = m->refusing;
    if (!refusing)
        list_append(&m->inbox[KIND_PUBLISH], &p->message.node);
    pthread_mutex_unlock(&m->lock);
    if (!refusing) {
        m->desks[worker_number(p->origin)].asked = true;
        return;
    }
    update_unref(&p->update);
    p->outcome = PUBLISH_STOPPED;
    worker_post(p->origin, &p->message);
}

static void
memory_find(struct transport *t, struct transport_find *f)
{
    ask(memory_of(t), f->origin, KIND_FIND, &f->message.node);
}

static void
memory_read(struct transport *t, struct transport_read *r)
{
    ask(memory_of(t), r->origin, KIND_READ, &r->message.node);
}

static void
memory_probe(struct transport *t, struct transport_probe *p)
{
    ask(memory_of(t), p->origin, KIND_PROBE, &p->message.node);
}

static void
memory_stat(struct transport *t, struct transport_stat *ret)
{
    struct memory *m = memory_of(t);
    ret->events = atomic_load_explicit(&m->events, memory_order_relaxed);
    ret->bytes = atomic_load_explicit(&m->bytes, memory_order_relaxed);
    ret->oldest_ms = atomic_load_explicit(&m->oldest_ms, memory_order_relaxed);
}

static void
memory_delivered(struct transport *t, unsigned worker, size_t bytes)
{
    struct memory *m = memory_of(t);
    if (!broadcast_delivered(&m->broadcast, worker, bytes))
        return;
    pthread_mutex_lock(&m->lock);
    m->poked = true;
    pthread_mutex_unlock(&m->lock);
    m->desks[worker].asked = true;
}

static void
answer_find(struct memory *m, struct transport_find *f)
{
    uint64_t hash = hash_slice(f->id);
    f->found = f->failed = false;
    if (m->removed_id && hash == m->removed_hash &&
        slice_eq(f->id, SLICE_OF(m->removed_id, m->removed_id_len))) {
        f->found = true;
        f->position = m->removed;
    }
    for (struct list *node = m->ring.next; node != &m->ring && !f->found; node = node->next) {
        const struct held *h = CONTAINER_OF(node, struct held, node);
        for (uint32_t i = 0; i < h->batch->count && !f->found; i++) {
            if (h->id_hashes[i] != hash || !slice_eq(h->batch->updates[i]->id, f->id))
                continue;
            f->found = true;
            f->position = h->batch->updates[i]->position;
        }
    }
    broadcast_answer(&m->broadcast, f->origin, &f->message);
}

static void
answer_read(struct memory *m, struct transport_read *r)
{
    r->piece = NULL;
    if (r->from_removed)
        r->after = m->removed;
    r->gone = position_cmp(r->after, m->removed) < 0;
    for (struct list *node = m->ring.next; node != &m->ring && !r->gone; node = node->next) {
        const struct held *h = CONTAINER_OF(node, struct held, node);
        if (position_cmp(h->batch->upto, r->after) > 0) {
            r->piece = batch_ref(h->batch);
            break;
        }
    }
    broadcast_answer(&m->broadcast, r->origin, &r->message);
}

static void
remove_oldest(struct memory *m)
{
    struct held *h = CONTAINER_OF(list_shift(&m->ring), struct held, node);
    struct slice id = h->batch->updates[h->batch->count - 1]->id;
    m->removed = h->batch->upto;
    m->removed_hash = hash_slice(id);
    free(m->removed_id);
    m->removed_id = xstrndup(id.ptr, id.len);
    m->removed_id_len = id.len;
    m->ring_bytes -= h->batch->bytes;
    atomic_fetch_sub_explicit(&m->events, h->batch->count, memory_order_relaxed);
    batch_unref(&h->batch);
    free(h);
}

/* Into the ring: from here on it is committed. The ring always holds its last batch. */
static void
hold(struct memory *m, struct batch *b)
{
    struct held *h = xalloc(sizeof *h + b->count * sizeof h->id_hashes[0]);
    h->batch = batch_ref(b);
    h->held_ms = clock_wall_ms();
    for (uint32_t i = 0; i < b->count; i++)
        h->id_hashes[i] = hash_slice(b->updates[i]->id);
    list_append(&m->ring, &h->node);
    m->ring_bytes += b->bytes;
    m->last = b->upto;
    while (m->ring_bytes > m->settings.tail_bytes && m->ring.next->next != &m->ring)
        remove_oldest(m);
    const struct held *oldest = CONTAINER_OF(m->ring.next, struct held, node);
    atomic_fetch_add_explicit(&m->events, b->count, memory_order_relaxed);
    atomic_store_explicit(&m->bytes, m->ring_bytes, memory_order_relaxed);
    atomic_store_explicit(&m->oldest_ms, oldest->held_ms, memory_order_relaxed);
}

static void
commit_one_batch(struct memory *m)
{
    size_t bytes = 0;
    uint32_t count = 0;
    uint64_t began = clock_mono_ns();
    for (struct list *node = m->waiting.next; node != &m->waiting; node = node->next) {
        bytes += CONTAINER_OF(node, struct transport_publish, message.node)->update->size;
        if (++count == MAX_BATCH_COUNT || bytes >= m->settings.max_batch_bytes)
            break;
    }
    struct batch *b = batch_new(count);
    b->after = m->last;
    b->bytes = bytes;
    b->upto = (struct position){m->last.run, m->last.sequence + count};
    for (uint32_t i = 0; i < count; i++) {
        struct transport_publish *p =
            CONTAINER_OF(list_shift(&m->waiting), struct transport_publish, message.node);
        p->update->position = (struct position){m->last.run, m->last.sequence + i + 1};
        b->updates[i] = p->update;
        p->update = NULL;
        p->outcome = PUBLISH_COMMITTED;
        /* Before the batch in the same mailbox: a publisher need not wait for the delivery. */
        broadcast_answer(&m->broadcast, p->origin, &p->message);
    }
    hold(m, b);
    metrics_took(METRIC_commit, clock_mono_ns() - began);
    broadcast_batch(&m->broadcast, b);
    batch_unref(&b);
    broadcast_send(&m->broadcast);
}

/* Takes what waits; false: nothing does, and the ring has no server any more. */
static bool
take_inbox(struct memory *m, struct list *finds, struct list *reads, struct list *probes)
{
    pthread_mutex_lock(&m->lock);
    m->serving = m->poked || !list_is_empty(&m->inbox[KIND_PUBLISH]) ||
                 !list_is_empty(&m->inbox[KIND_FIND]) || !list_is_empty(&m->inbox[KIND_READ]) ||
                 !list_is_empty(&m->inbox[KIND_PROBE]);
    m->poked = false;
    list_splice(&m->waiting, &m->inbox[KIND_PUBLISH]);
    list_splice(finds, &m->inbox[KIND_FIND]);
    list_splice(reads, &m->inbox[KIND_READ]);
    list_splice(probes, &m->inbox[KIND_PROBE]);
    bool serving = m->serving;
    pthread_mutex_unlock(&m->lock);
    return serving;
}

static void
stop_serving(struct memory *m)
{
    pthread_mutex_lock(&m->lock);
    m->serving = false;
    pthread_mutex_unlock(&m->lock);
}

static void
commit_waiting(struct memory *m)
{
    while (!list_is_empty(&m->waiting) && !broadcast_lags(&m->broadcast))
        commit_one_batch(m);
}

/* The end of a turn of a worker that asked for something. */
static void
serve(struct turn_hook *hook)
{
    struct desk *desk = CONTAINER_OF(hook, struct desk, hook);
    struct memory *m = desk->memory;
    struct list finds, reads, probes, *node;
    if (!desk->asked)
        return;
    desk->asked = false;
    pthread_mutex_lock(&m->lock);
    bool another = m->serving;
    m->serving = true;
    pthread_mutex_unlock(&m->lock);
    if (another)
        return; /* it looks into the inbox once more before it stops */
    list_init(&finds);
    list_init(&reads);
    list_init(&probes);
    for (int round = 0; take_inbox(m, &finds, &reads, &probes); round++) {
        while ((node = list_shift(&finds)) != NULL)
            answer_find(m, CONTAINER_OF(node, struct transport_find, message.node));
        while ((node = list_shift(&reads)) != NULL)
            answer_read(m, CONTAINER_OF(node, struct transport_read, message.node));
        while ((node = list_shift(&probes)) != NULL) {
            struct transport_probe *p = CONTAINER_OF(node, struct transport_probe, message.node);
            p->ok = true;
            broadcast_answer(&m->broadcast, p->origin, &p->message);
        }
        broadcast_send(&m->broadcast);
        commit_waiting(m);
        if (round == ROUNDS) {
            stop_serving(m);
            desk->asked = true;
            worker_again(desk->worker);
            return;
        }
    }
}

static struct position
memory_start(struct transport *t, struct worker **workers, unsigned count,
             void (*receive)(struct worker *, struct message *))
{
    struct memory *m = memory_of(t);
    broadcast_init(&m->broadcast, workers, count, m->settings.tail_bytes, receive);
    m->desks = xalloc(count * sizeof *m->desks);
    for (unsigned i = 0; i < count; i++) {
        m->desks[i] = (struct desk){.memory = m, .worker = workers[i], .hook.run = serve};
        worker_add_hook(workers[i], &m->desks[i].hook);
    }
    return m->last;
}

static void
memory_refuse(struct transport *t)
{
    struct memory *m = memory_of(t);
    pthread_mutex_lock(&m->lock);
    m->refusing = true;
    pthread_mutex_unlock(&m->lock);
}

/* Nothing runs but on the workers. */
static void
memory_stop(struct transport *t)
{
    (void)t;
}

static void
memory_free(struct transport **ref)
{
    struct memory *m = memory_of(*ref);
    while (!list_is_empty(&m->ring))
        remove_oldest(m);
    free(m->removed_id);
    broadcast_fini(&m->broadcast);
    free(m->desks);
    pthread_mutex_destroy(&m->lock);
    free(m);
    *ref = NULL;
}

const struct transport_ops transport_memory = {
    .name = "memory",
    .open = memory_open,
    .start = memory_start,
    .publish = memory_publish,
    .find = memory_find,
    .read = memory_read,
    .probe = memory_probe,
    .stat = memory_stat,
    .delivered = memory_delivered,
    .refuse = memory_refuse,
    .stop = memory_stop,
    .free = memory_free,
};
