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
 * Begins and ends of active subscriptions have a ring of their own, so that neither pushes the
 * other out; who reads both gets them in their one order. A batch that has both is held in two
 * parts.
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
#include "transport/merge.h"
#include "transport/registry.h"
#include "transport/ring.h"

#include <pthread.h>
#include <stdlib.h>

enum {
    MAX_BATCH_COUNT = 4096,
    ROUNDS = 8,          /* a server serves others for so long, then has a turn for itself */
    FINDS_A_ROUND = 500, /* some 0.1 ms */
};

enum kind {
    KIND_PUBLISH,
    KIND_FIND,
    KIND_READ,
    KIND_PROBE,
    KIND_COUNT,
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
    struct ring published, active; /* the second is of begins and ends */
    struct position last;
    struct list waiting; /* publishes that are taken but not committed */
    struct list finds;   /* look-ups that are taken but not answered */

    /* The server writes, anybody reads. */
    _Atomic uint64_t events, bytes, oldest_ms, active_events, active_bytes;

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
    m->last = (struct position){.run = clock_wall_ms(), .sequence = 0};
    ring_init(&m->published, settings->tail_bytes, 0, m->last);
    if (settings->subscriptions) {
        ring_init(&m->active, settings->subscriptions_max_bytes, settings->subscriptions_max_age_ms,
                  m->last);
        m->registry = registry_new(settings->subscriptions_max_bytes);
    }
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
    ret->subscriptions_events = atomic_load_explicit(&m->active_events, memory_order_relaxed);
    ret->subscriptions_bytes = atomic_load_explicit(&m->active_bytes, memory_order_relaxed);
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
note_active(struct memory *m)
{
    atomic_store_explicit(&m->active_events, m->active.events, memory_order_relaxed);
    atomic_store_explicit(&m->active_bytes, m->active.bytes, memory_order_relaxed);
}

/* An id may be in both, and the earliest counts; but not one behind which published updates are
 * gone: that is unknown, as any that was removed with them. */
static bool
find_in_both(struct memory *m, struct slice id, struct position *ret)
{
    struct position other;
    bool found = ring_find(&m->published, id, ret);
    if (ring_find(&m->active, id, &other) && position_cmp(other, m->published.removed) >= 0 &&
        (!found || position_cmp(other, *ret) < 0)) {
        *ret = other;
        found = true;
    }
    return found;
}

static void
answer_find(struct memory *m, struct transport_find *f)
{
    f->failed = f->is_lacking = false;
    if (m->registry) {
        ring_forget_old(&m->active);
        f->found = find_in_both(m, f->id, &f->position);
        f->is_lacking = f->found && position_cmp(f->position, m->active.removed) < 0;
    } else {
        f->found = ring_find(&m->published, f->id, &f->position);
    }
    broadcast_answer(&m->broadcast, f->origin, &f->message);
}

static void
answer_finds(struct memory *m)
{
    struct list *node;
    for (int i = 0; i < FINDS_A_ROUND && (node = list_shift(&m->finds)) != NULL; i++)
        answer_find(m, CONTAINER_OF(node, struct transport_find, message.node));
}

static struct position
later(struct position a, struct position b)
{
    return position_cmp(a, b) >= 0 ? a : b;
}

/* From the first read on, a stream that was told misses what was removed by then. */
static void
tell(const struct memory *m, struct transport_read *r)
{
    r->told.is_set = true;
    r->told.active = m->active.removed;
    if (!r->from_removed)
        return;
    r->told.published = r->after = m->published.removed;
    if (r->scope != READ_PUBLISHED && position_cmp(m->active.removed, r->after) < 0)
        r->after = m->active.removed;
}

/* False: what is behind is gone. The piece is a reference. */
static bool
read_ring(const struct ring *ring, struct position after, struct position told,
          struct batch **ret_piece)
{
    struct position from = later(after, told);
    struct batch *b = ring_after(ring, from);
    *ret_piece = b ? batch_ref(b) : NULL;
    return position_cmp(from, ring->removed) >= 0;
}

static void
read_both(struct memory *m, struct transport_read *r, struct batch *published)
{
    struct batch *active;
    struct position upto;
    r->gone |= !read_ring(&m->active, r->after, r->told.active, &active);
    r->piece = merge_pieces(published, active, r->after, m->last, &upto);
}

static void
answer_read(struct memory *m, struct transport_read *r)
{
    if (m->registry)
        ring_forget_old(&m->active);
    if (!r->told.is_set && (r->from_removed || r->scope == READ_ALL_THAT_IS_THERE))
        tell(m, r);
    r->gone = !read_ring(&m->published, r->after, r->told.published, &r->piece);
    if (m->registry && r->scope != READ_PUBLISHED)
        read_both(m, r, r->piece);
    if (r->gone)
        batch_unref(&r->piece);
    broadcast_answer(&m->broadcast, r->origin, &r->message);
}

/* What of a batch is of begins and ends, or is not. */
static struct batch *
part_of(const struct batch *b, bool active, uint32_t count)
{
    struct batch *part = batch_new(count);
    uint32_t n = 0;
    for (uint32_t i = 0; i < b->count; i++) {
        if ((b->updates[i]->kind != UPDATE_PUBLISHED) != active)
            continue;
        part->updates[n++] = update_ref(b->updates[i]);
        part->bytes += b->updates[i]->size;
    }
    part->after = b->after;
    part->upto = part->updates[count - 1]->position;
    return part;
}

static void
hold_apart(struct memory *m, struct batch *b)
{
    uint32_t active = 0;
    for (uint32_t i = 0; i < b->count; i++)
        active += b->updates[i]->kind != UPDATE_PUBLISHED;
    if (active == 0) {
        ring_hold(&m->published, b);
    } else if (active == b->count) {
        ring_hold(&m->active, b);
    } else {
        struct batch *of_published = part_of(b, false, b->count - active);
        struct batch *of_active = part_of(b, true, active);
        ring_hold(&m->published, of_published);
        ring_hold(&m->active, of_active);
        batch_unref(&of_published);
        batch_unref(&of_active);
    }
    ring_forget_old(&m->active);
    note_active(m);
}

/* Into the rings: from here on it is committed. */
static void
hold(struct memory *m, struct batch *b)
{
    if (m->registry)
        hold_apart(m, b);
    else
        ring_hold(&m->published, b);
    m->last = b->upto;
    atomic_store_explicit(&m->events, m->published.events, memory_order_relaxed);
    atomic_store_explicit(&m->bytes, m->published.bytes, memory_order_relaxed);
    atomic_store_explicit(&m->oldest_ms, ring_oldest_ms(&m->published), memory_order_relaxed);
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
    ring_fini(&m->published);
    if (m->registry)
        ring_fini(&m->active);
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
