/* poller - one thread's loop: the mailbox, its links, its streams.
 *
 * Pollers share nothing with each other: a child's streams go round among them, and each has a
 * connection of its own to each hub. What workers post goes into a mailbox, under a leaf lock that
 * is held for one step in a list. An arrival is in it once at most, with what is wanted last; that
 * it was opened is seen by its stream's link.
 *
 *     worker                         poller
 *     pollers_post()   -- OPEN -->   link_open()
 *     arrival_wait()   <----------   arrival_answer()
 *     pollers_give_back() - TAKEN or LEFT -> link_taken() or link_left(), which free it */

#include "mod_alipes/poller.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "mod_alipes/link.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
    POLLERS_MAX = 16,
    LINKS_MAX = 64, /* hubs that one configuration names */
    EVENTS = 256,
    NEVER_MS = 60000,
};

struct poller {
    /* Set before the thread starts, then read-only. */
    int epoll;
    int wakes; /* an eventfd */
    pthread_t thread;

    /* The thread alone. */
    struct watched watched; /* of `wakes` */
    struct link *links[LINKS_MAX];
    size_t link_count;

    /* Any thread, under `lock`. */
    pthread_mutex_t lock;
    struct list mailbox;
    uint64_t drain_until_ms; /* 0: go on */
    bool is_last;            /* nothing is posted any more */
};

static struct poller pollers[POLLERS_MAX];
static unsigned poller_count;
static atomic_uint next_poller;

static struct poller *
of_arrival(struct arrival *a)
{
    return &pollers[a->poller];
}

static void
wake(struct poller *p)
{
    const uint64_t one = 1;
    ssize_t ignored = write(p->wakes, &one, sizeof one);
    (void)ignored;
}

/* --- the worker's side ------------------------------------------------------------------------ */

static void
post(struct arrival *a, enum intent intent)
{
    struct poller *p = of_arrival(a);
    pthread_mutex_lock(&p->lock);
    a->intent = intent;
    if (!list_is_linked(&a->node))
        list_append(&p->mailbox, &a->node);
    pthread_mutex_unlock(&p->lock);
    wake(p);
}

struct arrival *
pollers_post(const struct hub *hub, struct stream *s)
{
    struct arrival *a = arrival_new(hub, s);
    if (a == NULL)
        return NULL;
    s->arrival = a;
    a->poller = atomic_fetch_add(&next_poller, 1) % poller_count;
    post(a, INTENT_OPEN);
    return a;
}

void
pollers_give_back(struct arrival *a, enum intent intent)
{
    post(a, intent);
}

/* --- the poller's ----------------------------------------------------------------------------- */

static struct link *
link_to(struct poller *p, const struct hub *hub)
{
    for (size_t i = 0; i < p->link_count; i++)
        if (link_is_to(p->links[i], hub))
            return p->links[i];
    if (p->link_count == LINKS_MAX)
        return NULL;
    struct link *l = link_new(hub, p->epoll, (unsigned)(clock_mono_ns() ^ (uintptr_t)p));
    if (l)
        p->links[p->link_count++] = l;
    return l;
}

static void
work_off(struct poller *p, struct arrival *a, enum intent intent)
{
    struct stream *s = a->stream;
    struct link *l = s->link;
    if (l && intent == INTENT_TAKEN)
        link_taken(s);
    else if (l && intent == INTENT_LEFT)
        link_left(s);
    else if (intent == INTENT_LEFT)
        stream_free(&s); /* with its arrival */
    else if (l == NULL && (l = link_to(p, &a->hub)))
        link_open(l, s);
    else if (l == NULL)
        arrival_answer(a, VERDICT_AWAY);
}

static struct arrival *
next_arrival(struct poller *p, enum intent *ret_intent)
{
    pthread_mutex_lock(&p->lock);
    struct list *node = list_shift(&p->mailbox);
    struct arrival *a = node ? CONTAINER_OF(node, struct arrival, node) : NULL;
    if (a)
        *ret_intent = a->intent;
    pthread_mutex_unlock(&p->lock);
    return a;
}

static void
open_mailbox(struct poller *p)
{
    uint64_t count;
    enum intent intent;
    struct arrival *a;
    ssize_t ignored = read(p->wakes, &count, sizeof count);
    (void)ignored;
    while ((a = next_arrival(p, &intent)))
        work_off(p, a, intent);
}

static void
dispatch(struct poller *p, struct watched *w, uint32_t events)
{
    switch (w->kind) {
    case WATCHED_MAILBOX:
        open_mailbox(p);
        break;
    case WATCHED_LINK:
        link_on_hub((struct link *)w, events);
        break;
    case WATCHED_STREAM:
        link_on_client((struct stream *)w, events);
        break;
    }
}

static int
patience_ms(const struct poller *p)
{
    uint64_t now = clock_mono_ms(), due = now + NEVER_MS;
    for (size_t i = 0; i < p->link_count; i++) {
        uint64_t its = link_due_ms(p->links[i]);
        due = its < due ? its : due;
    }
    return due > now ? (int)(due - now) : 0;
}

/* False: it is through. */
static bool
turn(struct poller *p)
{
    bool is_idle = true;
    pthread_mutex_lock(&p->lock);
    uint64_t until = p->drain_until_ms;
    bool is_last = p->is_last && list_is_empty(&p->mailbox);
    pthread_mutex_unlock(&p->lock);
    for (size_t i = 0; i < p->link_count; i++) {
        if (until)
            link_drain(p->links[i], until);
        link_turn(p->links[i], clock_mono_ms());
        is_idle = is_idle && link_is_idle(p->links[i]);
    }
    return !(is_last && is_idle);
}

static void *
run(void *arg)
{
    struct poller *p = arg;
    struct epoll_event events[EVENTS];
    while (turn(p)) {
        int count = epoll_wait(p->epoll, events, EVENTS, patience_ms(p));
        for (int i = 0; i < count; i++)
            dispatch(p, events[i].data.ptr, events[i].events);
    }
    return NULL;
}

/* --- start and end ---------------------------------------------------------------------------- */

static bool
poller_start(struct poller *p)
{
    sigset_t all, before;
    p->epoll = epoll_create1(EPOLL_CLOEXEC);
    p->wakes = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (p->epoll < 0 || p->wakes < 0)
        return false;
    pthread_mutex_init(&p->lock, NULL);
    list_init(&p->mailbox);
    p->watched.kind = WATCHED_MAILBOX;
    watch(p->epoll, p->wakes, &p->watched, EPOLLIN);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are the MPM's */
    int failed = pthread_create(&p->thread, NULL, run, p);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return !failed;
}

bool
pollers_start(unsigned count)
{
    for (poller_count = 0; poller_count < count && poller_count < POLLERS_MAX; poller_count++)
        if (!poller_start(&pollers[poller_count]))
            break;
    return poller_count > 0;
}

static void
drain(struct poller *p, uint64_t until_ms, bool is_last)
{
    pthread_mutex_lock(&p->lock);
    if (p->drain_until_ms == 0 || until_ms < p->drain_until_ms)
        p->drain_until_ms = until_ms;
    p->is_last |= is_last;
    pthread_mutex_unlock(&p->lock);
    wake(p);
}

void
pollers_drain(uint64_t within_ms)
{
    uint64_t until = clock_mono_ms() + within_ms;
    for (unsigned i = 0; i < poller_count; i++)
        drain(&pollers[i], until, false);
}

static void
poller_end(struct poller *p)
{
    pthread_join(p->thread, NULL);
    for (size_t i = 0; i < p->link_count; i++)
        link_free(&p->links[i]);
    close(p->epoll);
    close(p->wakes);
    pthread_mutex_destroy(&p->lock);
}

void
pollers_join(void)
{
    for (unsigned i = 0; i < poller_count; i++)
        drain(&pollers[i], UINT64_MAX, true);
    for (unsigned i = 0; i < poller_count; i++)
        poller_end(&pollers[i]);
    poller_count = 0;
}
