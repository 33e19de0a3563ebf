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
 * The ring is an array, so what follows a position is found by halving, and ids have a table beside
 * it: neither a look-up nor a read costs more the more is held.
 *
 * Back-pressure: while any worker lags more than tail_bytes, publishes wait here; reads do not.
 * A worker that has delivered serves again if somebody said that publishes wait.
 *
 * Lock order: `lock` is a leaf; whoever set `serving` under it owns what the server owns. */

#include "transport/memory.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "metrics/metrics.h"
#include "transport/broadcast.h"
#include "transport/held_ids.h"
#include "transport/registry.h"

#include <pthread.h>
#include <stdlib.h>

enum {
    MAX_BATCH_COUNT = 4096,
    ROUNDS = 8,          /* a server serves others for so long, then has a turn for itself */
    FINDS_A_ROUND = 500, /* some 0.1 ms */
    FIRST_CAP = 64,
    SMALL_UPDATE = 192, /* bytes in the ring of one that has little data */
};

enum kind {
    KIND_PUBLISH,
    KIND_FIND,
    KIND_READ,
    KIND_PROBE,
    KIND_COUNT,
};

/* One committed batch in the ring, with the ids of its updates. */
struct held {
    struct batch *batch;
    uint64_t held_ms; /* wall clock */
    struct held_id ids[];
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
    struct desk *desks;        /* one a worker */
    struct registry *registry; /* owns; NULL: subscriptions are off */

    /* The server alone. */
    struct broadcast broadcast;
    struct held **ring; /* owns; `cap` places, a power of two, or 0 */
    uint32_t begin, count, cap;
    size_t ring_bytes;
    struct held_ids ids; /* of what is in the ring */
    struct position last, removed;
    char *removed_id;
    size_t removed_id_len;
    struct list waiting; /* publishes that are taken but not committed */
    struct list finds;   /* look-ups that are taken but not answered */

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
    m->base.ops = &memory_transport;
    m->settings = *settings;
    m->last = m->removed = (struct position){.run = clock_wall_ms(), .sequence = 0};
    held_ids_init(&m->ids, settings->tail_bytes / SMALL_UPDATE);
    if (settings->subscriptions)
        m->registry = registry_new(settings->subscriptions_max_bytes);
    list_init(&m->waiting);
    list_init(&m->finds);
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
    for (uint32_t i = 0; i < p->count; i++)
        update_unref(&p->updates[i]);
    p->committed = 0;
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

static struct registry *
memory_registry(struct transport *t)
{
    return memory_of(t)->registry;
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
    bool is_removed = m->removed_id && slice_eq(f->id, SLICE_OF(m->removed_id, m->removed_id_len));
    const struct update *u = is_removed ? NULL : held_ids_find(&m->ids, f->id);
    f->failed = false;
    f->found = is_removed || u;
    if (f->found)
        f->position = u ? u->position : m->removed;
    broadcast_answer(&m->broadcast, f->origin, &f->message);
}

static void
answer_finds(struct memory *m)
{
    struct list *node;
    for (int i = 0; i < FINDS_A_ROUND && (node = list_shift(&m->finds)) != NULL; i++)
        answer_find(m, CONTAINER_OF(node, struct transport_find, message.node));
}

static struct held *
held_at(const struct memory *m, uint32_t number)
{
    return m->ring[(m->begin + number) & (m->cap - 1)];
}

/* The number of the first batch that holds something behind `p`; m->count: there is none. */
static uint32_t
held_after(const struct memory *m, struct position p)
{
    uint32_t low = 0, high = m->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (position_cmp(held_at(m, middle)->batch->upto, p) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void
answer_read(struct memory *m, struct transport_read *r)
{
    r->piece = NULL;
    if (r->from_removed)
        r->after = m->removed;
    r->gone = position_cmp(r->after, m->removed) < 0;
    uint32_t number = held_after(m, r->after);
    if (!r->gone && number < m->count)
        r->piece = batch_ref(held_at(m, number)->batch);
    broadcast_answer(&m->broadcast, r->origin, &r->message);
}

/* What a batch takes here, with what is kept for its sake. */
static size_t
size_of(const struct batch *b)
{
    return b->bytes + sizeof *b + sizeof(struct held) +
           b->count * (sizeof(struct update *) + sizeof(struct held_id));
}

static void
remove_oldest(struct memory *m)
{
    struct held *h = held_at(m, 0);
    struct slice id = h->batch->updates[h->batch->count - 1]->id;
    m->begin++;
    m->count--;
    m->removed = h->batch->upto;
    free(m->removed_id);
    m->removed_id = xstrndup(id.ptr, id.len);
    m->removed_id_len = id.len;
    m->ring_bytes -= size_of(h->batch);
    for (uint32_t i = 0; i < h->batch->count; i++)
        held_ids_drop(&m->ids, &h->ids[i]);
    atomic_fetch_sub_explicit(&m->events, h->batch->count, memory_order_relaxed);
    batch_unref(&h->batch);
    free(h);
}

static void
grow(struct memory *m)
{
    uint32_t cap = m->cap ? m->cap * 2 : FIRST_CAP;
    struct held **ring = xalloc(cap * sizeof(struct held *));
    for (uint32_t i = 0; i < m->count; i++)
        ring[i] = held_at(m, i);
    free(m->ring);
    m->ring = ring;
    m->begin = 0;
    m->cap = cap;
}

/* Into the ring: from here on it is committed. The ring always holds its last batch. */
static void
hold(struct memory *m, struct batch *b)
{
    struct held *h = xalloc(sizeof *h + b->count * sizeof h->ids[0]);
    h->batch = batch_ref(b);
    h->held_ms = clock_wall_ms();
    for (uint32_t i = 0; i < b->count; i++)
        held_ids_add(&m->ids, &h->ids[i], b->updates[i]);
    if (m->count == m->cap)
        grow(m);
    m->ring[(m->begin + m->count++) & (m->cap - 1)] = h;
    m->ring_bytes += size_of(b);
    m->last = b->upto;
    while (m->ring_bytes > m->settings.tail_bytes && m->count > 1)
        remove_oldest(m);
    atomic_fetch_add_explicit(&m->events, b->count, memory_order_relaxed);
    atomic_store_explicit(&m->bytes, m->ring_bytes, memory_order_relaxed);
    atomic_store_explicit(&m->oldest_ms, held_at(m, 0)->held_ms, memory_order_relaxed);
}

static struct transport_publish *
publish_at(struct list *node)
{
    return CONTAINER_OF(node, struct transport_publish, message.node);
}

/* As many of what waits as a batch takes; whole groups, one at least. Returns how many updates. */
static uint32_t
measure(const struct memory *m, size_t *ret_bytes)
{
    uint32_t count = 0;
    *ret_bytes = 0;
    for (struct list *node = m->waiting.next; node != &m->waiting; node = node->next) {
        const struct transport_publish *p = publish_at(node);
        for (uint32_t i = 0; i < p->count; i++)
            *ret_bytes += p->updates[i]->size;
        count += p->count;
        if (count >= MAX_BATCH_COUNT || *ret_bytes >= m->settings.max_batch_bytes)
            break;
    }
    return count;
}

/* From `first` on. */
static void
take_publish(struct memory *m, struct transport_publish *p, struct batch *b, uint32_t first)
{
    struct position at = m->last;
    at.sequence += first;
    p->before = at;
    for (uint32_t i = 0; i < p->count; i++) {
        at.sequence++;
        p->updates[i]->position = at;
        b->updates[first + i] = p->updates[i];
        p->updates[i] = NULL;
    }
    p->committed = p->count;
    p->outcome = PUBLISH_COMMITTED;
    /* Before the batch in the same mailbox: a publisher need not wait for the delivery. */
    broadcast_answer(&m->broadcast, p->origin, &p->message);
}

static void
commit_one_batch(struct memory *m)
{
    size_t bytes;
    uint64_t began = clock_mono_ns();
    uint32_t count = measure(m, &bytes), taken = 0;
    struct batch *b = batch_new(count);
    b->after = m->last;
    b->bytes = bytes;
    b->upto = (struct position){m->last.run, m->last.sequence + count};
    while (taken < count) {
        struct transport_publish *p = publish_at(list_shift(&m->waiting));
        take_publish(m, p, b, taken);
        taken += p->count;
    }
    hold(m, b);
    if (m->registry)
        registry_commit(m->registry, b);
    metrics_took(METRIC_commit, clock_mono_ns() - began);
    broadcast_batch(&m->broadcast, b);
    batch_unref(&b);
    broadcast_send(&m->broadcast); /* nothing has left before */
}

/* Takes what waits; false: nothing does, and the ring has no server any more. */
static bool
take_inbox(struct memory *m, struct list *reads, struct list *probes)
{
    pthread_mutex_lock(&m->lock);
    m->serving = m->poked || !list_is_empty(&m->finds) || !list_is_empty(&m->inbox[KIND_PUBLISH]) ||
                 !list_is_empty(&m->inbox[KIND_FIND]) || !list_is_empty(&m->inbox[KIND_READ]) ||
                 !list_is_empty(&m->inbox[KIND_PROBE]);
    m->poked = false;
    list_splice(&m->waiting, &m->inbox[KIND_PUBLISH]);
    list_splice(&m->finds, &m->inbox[KIND_FIND]);
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
    struct list reads, probes, *node;
    if (!desk->asked)
        return;
    desk->asked = false;
    pthread_mutex_lock(&m->lock);
    bool another = m->serving;
    m->serving = true;
    pthread_mutex_unlock(&m->lock);
    if (another)
        return; /* it looks into the inbox once more before it stops */
    list_init(&reads);
    list_init(&probes);
    for (int round = 0; take_inbox(m, &reads, &probes); round++) {
        answer_finds(m);
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
    while (m->count)
        remove_oldest(m);
    free(m->ring);
    held_ids_fini(&m->ids);
    free(m->removed_id);
    registry_free(&m->registry);
    broadcast_fini(&m->broadcast);
    free(m->desks);
    pthread_mutex_destroy(&m->lock);
    free(m);
    *ref = NULL;
}

const struct transport_ops memory_transport = {
    .name = "memory",
    .open = memory_open,
    .start = memory_start,
    .publish = memory_publish,
    .find = memory_find,
    .read = memory_read,
    .probe = memory_probe,
    .stat = memory_stat,
    .registry = memory_registry,
    .delivered = memory_delivered,
    .refuse = memory_refuse,
    .stop = memory_stop,
    .free = memory_free,
};
