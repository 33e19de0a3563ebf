/* redis - the transport of several hubs: one order, which a Redis keeps.
 *
 * One thread polls the session's connections and an eventfd that workers write to when they have
 * left something in the inbox while it slept. It owns everything below it: the sender has the
 * publishes, the follower reads back what all hubs have published and mails it, the seeker answers
 * look-ups and reads, the spare keeps what may have to be put back.
 *
 * Nothing is shown before it is committed: the follower alone mails batches, and by then Redis has
 * them and this hub too.
 *
 * Lock order: `lock` is a leaf. */

#include "transport/redis/redis.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "transport/redis/attempt.h"
#include "transport/redis/course.h"
#include "transport/redis/follower.h"
#include "transport/redis/greeting.h"
#include "transport/redis/lease.h"
#include "transport/redis/seeker.h"
#include "transport/redis/settler.h"

#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
    CHECK_MS = 250,
    SLEEP_MS = 1000,
    STOP_MS = 2000, /* what is under way may take so long yet */
};

struct redis {
    struct transport base;

    /* Set before the thread starts, then read-only. */
    struct transport_settings settings;
    struct redis_settings redis; /* owns a copy */
    pthread_t thread;
    bool started;
    int alarm; /* an eventfd */

    /* The thread alone. */
    struct broadcast broadcast;
    struct spare spare;
    struct session session;
    struct sender sender;
    struct follower follower;
    struct seeker seeker;
    struct roll roll;
    struct lease lease;
    struct settler settler;
    uint64_t check_ms; /* the next */

    /* Any thread, under lock. */
    pthread_mutex_t lock;
    struct list publishes, finds, reads, probes, settles, orphans;
    bool refusing, stopping;
    bool sleeps;   /* the alarm is to be given */
    bool is_poked; /* a worker has delivered since it was looked at */

    /* The thread writes, anybody reads. */
    _Atomic uint64_t events, bytes, oldest_ms;
};

static struct redis *
redis_of(struct transport *t)
{
    return CONTAINER_OF(t, struct redis, base);
}

/* --- requests: the workers' threads ----------------------------------------------------------- */

static void
give_alarm(struct redis *r)
{
    uint64_t one = 1;
    if (write(r->alarm, &one, sizeof one) < 0)
        return; /* it is full, so it is given */
}

/* The lock is held; it is given back. */
static void
unlock_and_wake(struct redis *r)
{
    bool sleeps = r->sleeps;
    r->sleeps = false;
    pthread_mutex_unlock(&r->lock);
    if (sleeps)
        give_alarm(r);
}

static void
ask(struct redis *r, struct list *inbox, struct message *m)
{
    pthread_mutex_lock(&r->lock);
    list_append(inbox, &m->node);
    unlock_and_wake(r);
}

static void
redis_publish(struct transport *t, struct transport_publish *p)
{
    struct redis *r = redis_of(t);
    p->committed = 0;
    pthread_mutex_lock(&r->lock);
    bool refusing = r->refusing;
    if (!refusing)
        list_append(&r->publishes, &p->message.node);
    unlock_and_wake(r);
    if (!refusing)
        return;
    for (uint32_t i = 0; i < p->count; i++)
        update_unref(&p->updates[i]);
    p->outcome = PUBLISH_STOPPED;
    worker_post(p->origin, &p->message);
}

static void
redis_find(struct transport *t, struct transport_find *f)
{
    ask(redis_of(t), &redis_of(t)->finds, &f->message);
}

static void
redis_read(struct transport *t, struct transport_read *r)
{
    ask(redis_of(t), &redis_of(t)->reads, &r->message);
}

static void
redis_probe(struct transport *t, struct transport_probe *p)
{
    ask(redis_of(t), &redis_of(t)->probes, &p->message);
}

static void
redis_stat(struct transport *t, struct transport_stat *ret)
{
    struct redis *r = redis_of(t);
    *ret = (struct transport_stat){.events = atomic_load_explicit(&r->events, memory_order_relaxed),
                                   .bytes = atomic_load_explicit(&r->bytes, memory_order_relaxed),
                                   .oldest_ms =
                                       atomic_load_explicit(&r->oldest_ms, memory_order_relaxed)};
}

/* Set before the first batch was mailed, and nobody asks before. */
static const struct hash_key *
redis_key(const struct transport *t)
{
    return &CONTAINER_OF(t, struct redis, base)->session.key;
}

static void
redis_settle(struct transport *t, struct transport_settle *s)
{
    ask(redis_of(t), &redis_of(t)->settles, &s->message);
}

static void
redis_orphans(struct transport *t, struct transport_orphans *o)
{
    ask(redis_of(t), &redis_of(t)->orphans, &o->message);
}

static struct registry *
redis_registry(struct transport *t)
{
    return redis_of(t)->roll.registry;
}

static void
redis_delivered(struct transport *t, unsigned worker, size_t bytes)
{
    struct redis *r = redis_of(t);
    if (!broadcast_delivered(&r->broadcast, worker, bytes))
        return;
    pthread_mutex_lock(&r->lock);
    r->is_poked = true;
    unlock_and_wake(r);
}

/* --- the thread ------------------------------------------------------------------------------- */

static void
on_opened(void *owner)
{
    struct redis *r = owner;
    sender_opened(&r->sender);
    seeker_opened(&r->seeker);
    follower_opened(&r->follower);
    lease_opened(&r->lease);
}

static void
on_ended(void *owner)
{
    struct redis *r = owner;
    sender_ended(&r->sender);
    follower_ended(&r->follower);
    seeker_ended(&r->seeker);
    roll_ended(&r->roll);
    lease_ended(&r->lease);
    settler_ended(&r->settler);
}

static bool
on_healed(void *owner, struct position end)
{
    return roll_restore(&((struct redis *)owner)->roll, end);
}

/* It is well while it is open, and for as long as a publish would wait. */
static bool
is_well(const struct redis *r, uint64_t now_ms)
{
    return r->session.state == SESSION_OPEN ||
           (r->spare.end.run &&
            now_ms < r->session.away_ms + r->session.settings->publish_timeout_ms);
}

static void
answer_probes(struct redis *r, struct list *probes, uint64_t now_ms)
{
    struct list *node;
    while ((node = list_shift(probes)) != NULL) {
        struct transport_probe *p = CONTAINER_OF(node, struct transport_probe, message.node);
        p->ok = is_well(r, now_ms);
        broadcast_answer(&r->broadcast, p->origin, &p->message);
    }
}

/* Returns whether it is to stop. */
static bool
take_inbox(struct redis *r, uint64_t now_ms)
{
    struct list publishes, finds, reads, probes, settles, orphans;
    list_init(&publishes);
    list_init(&finds);
    list_init(&reads);
    list_init(&probes);
    list_init(&settles);
    list_init(&orphans);
    pthread_mutex_lock(&r->lock);
    list_splice(&publishes, &r->publishes);
    list_splice(&finds, &r->finds);
    list_splice(&reads, &r->reads);
    list_splice(&probes, &r->probes);
    list_splice(&settles, &r->settles);
    list_splice(&orphans, &r->orphans);
    bool stopping = r->stopping;
    r->is_poked = false;
    r->lease.is_stopping = r->refusing;
    pthread_mutex_unlock(&r->lock);
    LIST_EACH(node, after, &publishes)
    {
        roll_expect(&r->roll, CONTAINER_OF(node, struct transport_publish, message.node));
    }
    sender_take(&r->sender, &publishes);
    if (r->lease.is_stopping && r->session.state != SESSION_OPEN)
        sender_stop(&r->sender); /* the time to stop is not spent waiting for Redis */
    seeker_take(&r->seeker, &finds, &reads);
    settler_take(&r->settler, &settles);
    lease_take(&r->lease, &orphans);
    answer_probes(r, &probes, now_ms);
    return stopping;
}

static void
note_held(struct redis *r)
{
    atomic_store_explicit(&r->events, r->sender.held.events, memory_order_relaxed);
    atomic_store_explicit(&r->bytes, r->sender.held.bytes, memory_order_relaxed);
    atomic_store_explicit(&r->oldest_ms, r->sender.held.oldest_ms, memory_order_relaxed);
}

/* Everything that may go on goes on; what was asked for is sent. */
static void
work(struct redis *r)
{
    uint64_t now = clock_mono_ms();
    course_work(&r->session, now);
    if (now >= r->check_ms) {
        r->check_ms = now + CHECK_MS;
        greeting_check(&r->session, now);
    }
    sender_work(&r->sender, now);
    follower_work(&r->follower, now);
    seeker_work(&r->seeker, now);
    roll_work(&r->roll, now);
    lease_work(&r->lease, now);
    settler_work(&r->settler, now);
    broadcast_send(&r->broadcast);
    session_send(&r->session);
    note_held(r);
}

static int
milliseconds_to(uint64_t at, uint64_t now)
{
    return at <= now ? 0 : at - now > SLEEP_MS ? SLEEP_MS : (int)(at - now);
}

static uint64_t
next_deadline(const struct redis *r)
{
    uint64_t at = session_deadline(&r->session), sender = sender_deadline(&r->sender),
             seeker = seeker_deadline(&r->seeker), lease = lease_deadline(&r->lease);
    at = sender < at ? sender : at;
    at = seeker < at ? seeker : at;
    at = lease < at ? lease : at;
    return r->check_ms < at ? r->check_ms : at;
}

/* Until something happens. */
static void
sleep_on(struct redis *r)
{
    struct pollfd fds[SESSION_FDS + 1];
    uint64_t count;
    session_poll(&r->session, fds);
    fds[SESSION_FDS] = (struct pollfd){.fd = r->alarm, .events = POLLIN};
    pthread_mutex_lock(&r->lock);
    bool idle = list_is_empty(&r->publishes) && list_is_empty(&r->finds) &&
                list_is_empty(&r->reads) && list_is_empty(&r->probes) &&
                list_is_empty(&r->settles) && list_is_empty(&r->orphans) && !r->is_poked;
    r->sleeps = idle;
    pthread_mutex_unlock(&r->lock);
    int ms = idle ? milliseconds_to(next_deadline(r), clock_mono_ms()) : 0;
    if (poll(fds, SESSION_FDS + 1, ms) < 0)
        return; /* a signal */
    if (fds[SESSION_FDS].revents && read(r->alarm, &count, sizeof count) < 0)
        return;
    pthread_mutex_lock(&r->lock);
    r->sleeps = false;
    pthread_mutex_unlock(&r->lock);
}

static void *
run_thread(void *arg)
{
    struct redis *r = arg;
    uint64_t until = 0;
    pthread_setname_np(pthread_self(), "redis");
    for (;;) {
        uint64_t now = clock_mono_ms();
        bool stopping = take_inbox(r, now);
        if (stopping && until == 0)
            until = now + STOP_MS;
        if (stopping && (now >= until || r->session.state != SESSION_OPEN ||
                         (sender_is_empty(&r->sender) && !lease_leave(&r->lease, now))))
            break;
        work(r);
        sleep_on(r);
    }
    sender_stop(&r->sender);
    seeker_stop(&r->seeker);
    settler_stop(&r->settler);
    lease_stop(&r->lease);
    broadcast_send(&r->broadcast);
    return NULL;
}

/* --- from start to end ------------------------------------------------------------------------ */

static void
redis_free(struct transport **ref)
{
    struct redis *r = redis_of(*ref);
    *ref = NULL;
    session_fini(&r->session);
    lease_fini(&r->lease);
    roll_fini(&r->roll);
    seeker_fini(&r->seeker);
    follower_fini(&r->follower);
    spare_fini(&r->spare);
    if (r->started)
        broadcast_fini(&r->broadcast);
    close(r->alarm);
    redis_settings_fini(&r->redis);
    pthread_mutex_destroy(&r->lock);
    free(r);
}

static struct transport *
redis_open(const struct transport_settings *settings, struct error *err)
{
    if (!resp_prepare(err) || !attempt_session(settings->redis, err))
        return NULL;
    struct redis *r = xalloc(sizeof *r);
    r->base.ops = &redis_transport;
    r->settings = *settings;
    redis_settings_copy(&r->redis, settings->redis);
    r->alarm = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (r->alarm < 0) {
        error_set(err, "transport redis: no eventfd");
        free(r);
        return NULL;
    }
    list_init(&r->publishes);
    list_init(&r->finds);
    list_init(&r->reads);
    list_init(&r->probes);
    list_init(&r->settles);
    list_init(&r->orphans);
    pthread_mutex_init(&r->lock, NULL);
    const struct session_owner owner = {on_healed, on_opened, on_ended, r};
    spare_init(&r->spare, r->redis.hold_bytes);
    sender_init(&r->sender, &r->session, &r->broadcast, &r->settings);
    follower_init(&r->follower, &r->session, &r->broadcast, &r->spare, &r->sender, &r->roll);
    seeker_init(&r->seeker, &r->session, &r->broadcast, &r->spare);
    roll_init(&r->roll, &r->session, &r->sender, &r->spare, &r->settings);
    lease_init(&r->lease, &r->session, &r->roll, &r->broadcast, r->sender.node, r->redis.lease_ms);
    settler_init(&r->settler, &r->session, &r->broadcast, &r->roll);
    struct transport *t = &r->base;
    if (!session_init(&r->session, &r->redis, &r->spare, owner, err))
        redis_free(&t);
    return t;
}

static struct position
redis_start(struct transport *t, struct worker **workers, unsigned count,
            void (*receive)(struct worker *, struct message *))
{
    struct redis *r = redis_of(t);
    broadcast_init(&r->broadcast, workers, count, r->settings.tail_bytes, receive);
    r->started = true;
    ENSURE(pthread_create(&r->thread, NULL, run_thread, r) == 0);
    return POSITION_NOWHERE;
}

static void
redis_refuse(struct transport *t)
{
    struct redis *r = redis_of(t);
    pthread_mutex_lock(&r->lock);
    r->refusing = true;
    pthread_mutex_unlock(&r->lock);
}

static void
redis_stop(struct transport *t)
{
    struct redis *r = redis_of(t);
    if (!r->started)
        return;
    pthread_mutex_lock(&r->lock);
    r->stopping = true;
    unlock_and_wake(r);
    ENSURE(pthread_join(r->thread, NULL) == 0);
}

const struct transport_ops redis_transport = {
    .name = "redis",
    .open = redis_open,
    .start = redis_start,
    .publish = redis_publish,
    .find = redis_find,
    .read = redis_read,
    .probe = redis_probe,
    .stat = redis_stat,
    .key = redis_key,
    .registry = redis_registry,
    .settle = redis_settle,
    .orphans = redis_orphans,
    .delivered = redis_delivered,
    .refuse = redis_refuse,
    .stop = redis_stop,
    .free = redis_free,
};
