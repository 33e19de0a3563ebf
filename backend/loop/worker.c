/* worker - one thread and its libev loop.
 *
 * A turn: descriptors and timers call back; then, just before the loop sleeps (a prepare watcher),
 * what is closing is freed, hooks run, and the mailbox is emptied, again and again while that makes
 * more of it. So nothing dies inside a callback of its own, and a worker's message to itself needs
 * no system call.
 *
 * What one gets wrong: "again and again" has no end where peers have sent much ahead. So each round
 * takes what was there at its beginning, whoever asks meanwhile stands at the end of the queue, and
 * when TURN_NS are over the rest waits for a turn in which everybody else is heard as well. What
 * was gathered over the rounds (worker_end_turn_with) goes out behind the last.
 *
 * Mail that can wait does not wake a drowsy worker: it is taken at the begin of the next turn,
 * before anything that has just arrived is looked at, and a tick makes one at the latest.
 *
 * Lock order: inbox_lock is a leaf, held for one splice. */

#include "loop/worker.h"

#include "base/alloc.h"
#include "base/clock.h"

#include <ev.h>
#include <stdio.h>
#include <stdlib.h>

struct worker {
    /* Set before the thread starts, then read-only. */
    struct ev_loop *loop;
    unsigned number;
    void *local;
    pthread_t thread;

    /* The worker's thread alone. */
    struct timer_wheel timers;
    struct list closing, ending, hooks;
    struct id_source ids;
    uint64_t now_ms, turn;
    char *read_buffer;
    ev_timer tick;
    ev_prepare end_of_turn;
    ev_check begin_of_turn;
    ev_idle again;

    /* Any thread, under inbox_lock. */
    pthread_mutex_t inbox_lock;
    struct list inbox;
    bool drowsy; /* mail that can wait does not wake it */
    bool woken;  /* inbox_ready was sent since the inbox was emptied */
    bool stop;
    ev_async inbox_ready; /* ev_async_send(), nothing else: it wakes the loop */
};

static struct worker *
worker_of(struct ev_loop *loop)
{
    return ev_userdata(loop);
}

enum {
    TURN_NS = 500000 /* past it the end of a turn begins no further round */
};

static _Thread_local struct worker *current;

/* Was anything in it? */
static bool
empty_inbox(struct worker *w)
{
    struct list mail;
    list_init(&mail);
    pthread_mutex_lock(&w->inbox_lock);
    list_splice(&mail, &w->inbox);
    w->woken = false;
    bool stop = w->stop;
    pthread_mutex_unlock(&w->inbox_lock);
    bool any = !list_is_empty(&mail);
    struct list *node;
    while ((node = list_shift(&mail)) != NULL) {
        struct message *m = CONTAINER_OF(node, struct message, node);
        m->receive(w, m);
    }
    if (stop)
        ev_break(w->loop, EVBREAK_ALL);
    return any;
}

static void
on_inbox(struct ev_loop *loop, ev_async *async, int events)
{
    /* The turn's end empties it. */
    (void)loop;
    (void)async;
    (void)events;
}

static void
on_tick(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)timer;
    (void)events;
    struct worker *w = worker_of(loop);
    timer_wheel_advance(&w->timers, w->now_ms);
}

static void
on_begin_of_turn(struct ev_loop *loop, ev_check *check, int events)
{
    (void)check;
    (void)events;
    struct worker *w = worker_of(loop);
    w->now_ms = w->timers.now_ms = clock_mono_ms();
    w->turn++;
    empty_inbox(w);
}

/* What is in the list now; what that adds is for the next round. */
static void
free_all(struct list *closing)
{
    struct list now, *node;
    list_init(&now);
    list_splice(&now, closing);
    while ((node = list_shift(&now)) != NULL) {
        struct closing *c = CONTAINER_OF(node, struct closing, node);
        c->free(c);
    }
}

/* Is there more to do? */
static bool
go_round(struct worker *w)
{
    free_all(&w->closing);
    LIST_EACH(node, after, &w->hooks)
    {
        struct turn_hook *hook = CONTAINER_OF(node, struct turn_hook, node);
        hook->run(hook);
    }
    return empty_inbox(w) || !list_is_empty(&w->closing);
}

static void
on_end_of_turn(struct ev_loop *loop, ev_prepare *prepare, int events)
{
    (void)prepare;
    (void)events;
    struct worker *w = worker_of(loop);
    uint64_t now, until = 0;
    bool more;
    while ((more = go_round(w))) {
        now = clock_mono_ns();
        if (until == 0)
            until = now + TURN_NS; /* most turns need no second round: the clock is not free */
        if (now >= until)
            break;
    }
    free_all(&w->ending);
    if (more || !list_is_empty(&w->closing))
        worker_again(w);
}

static void
on_again(struct ev_loop *loop, ev_idle *idle, int events)
{
    (void)events;
    ev_idle_stop(loop, idle);
}

struct worker *
worker_new(unsigned number)
{
    struct worker *w = xalloc(sizeof *w);
    w->number = number;
    w->loop = ev_loop_new(EVFLAG_NOSIGMASK);
    ENSURE(w->loop != NULL);
    w->read_buffer = xalloc(WORKER_READ_SIZE);
    w->now_ms = clock_mono_ms();
    timer_wheel_init(&w->timers, w->now_ms);
    list_init(&w->closing);
    list_init(&w->ending);
    list_init(&w->hooks);
    list_init(&w->inbox);
    w->drowsy = true;
    id_source_init(&w->ids);
    pthread_mutex_init(&w->inbox_lock, NULL);
    ev_set_userdata(w->loop, w);

    ev_async_init(&w->inbox_ready, on_inbox);
    ev_async_start(w->loop, &w->inbox_ready);
    ev_timer_init(&w->tick, on_tick, TIMER_TICK_MS / 1000.0, TIMER_TICK_MS / 1000.0);
    ev_timer_start(w->loop, &w->tick);
    ev_prepare_init(&w->end_of_turn, on_end_of_turn);
    ev_prepare_start(w->loop, &w->end_of_turn);
    ev_check_init(&w->begin_of_turn, on_begin_of_turn);
    ev_set_priority(&w->begin_of_turn, EV_MAXPRI);
    ev_check_start(w->loop, &w->begin_of_turn);
    ev_idle_init(&w->again, on_again);
    return w;
}

static void *
run(void *arg)
{
    struct worker *w = arg;
    char name[16];
    current = w;
    snprintf(name, sizeof name, "worker-%u", w->number % 1000);
    pthread_setname_np(pthread_self(), name);
    ev_run(w->loop, 0);
    while (!list_is_empty(&w->closing) || !list_is_empty(&w->ending)) {
        free_all(&w->closing);
        free_all(&w->ending);
    }
    return NULL;
}

void
worker_start(struct worker *w)
{
    ENSURE(pthread_create(&w->thread, NULL, run, w) == 0);
}

void
worker_stop(struct worker *w)
{
    pthread_mutex_lock(&w->inbox_lock);
    w->stop = true;
    pthread_mutex_unlock(&w->inbox_lock);
    ev_async_send(w->loop, &w->inbox_ready);
}

void
worker_join(struct worker *w)
{
    ENSURE(pthread_join(w->thread, NULL) == 0);
    while (empty_inbox(w))
        ;
    free_all(&w->closing);
}

void
worker_free(struct worker **ref)
{
    struct worker *w = *ref;
    if (w == NULL)
        return;
    ev_loop_destroy(w->loop);
    pthread_mutex_destroy(&w->inbox_lock);
    free(w->read_buffer);
    free(w);
    *ref = NULL;
}

void
worker_post(struct worker *w, struct message *m)
{
    struct list one;
    list_init(&one);
    list_append(&one, &m->node);
    worker_post_list(w, &one, false);
}

void
worker_post_list(struct worker *w, struct list *messages, bool can_wait)
{
    if (list_is_empty(messages))
        return;
    pthread_mutex_lock(&w->inbox_lock);
    list_splice(&w->inbox, messages);
    bool wake = !w->woken && !(can_wait && w->drowsy) && w != current;
    w->woken |= wake;
    pthread_mutex_unlock(&w->inbox_lock);
    if (wake)
        ev_async_send(w->loop, &w->inbox_ready);
}

void
worker_set_drowsy(struct worker *w, bool drowsy)
{
    pthread_mutex_lock(&w->inbox_lock);
    w->drowsy = drowsy;
    pthread_mutex_unlock(&w->inbox_lock);
}

void
worker_close_later(struct worker *w, struct closing *c)
{
    list_append(&w->closing, &c->node);
}

void
worker_end_turn_with(struct worker *w, struct closing *c)
{
    list_append(&w->ending, &c->node);
}

void
worker_add_hook(struct worker *w, struct turn_hook *hook)
{
    list_append(&w->hooks, &hook->node);
}

void
worker_again(struct worker *w)
{
    if (!ev_is_active(&w->again))
        ev_idle_start(w->loop, &w->again);
}

bool
worker_is_new_turn(const struct worker *w, uint64_t *turn)
{
    bool is_new = *turn != w->turn + 1; /* the turn before the first callback is one, too */
    *turn = w->turn + 1;
    return is_new;
}

uint64_t
worker_now_ms(struct worker *w)
{
    return w->now_ms;
}

struct timer_wheel *
worker_timers(struct worker *w)
{
    return &w->timers;
}

struct id_source *
worker_ids(struct worker *w)
{
    return &w->ids;
}

struct ev_loop *
worker_loop(struct worker *w)
{
    return w->loop;
}

unsigned
worker_number(const struct worker *w)
{
    return w->number;
}

char *
worker_read_buffer(struct worker *w)
{
    return w->read_buffer;
}

void *
worker_local(struct worker *w)
{
    return w->local;
}

void
worker_set_local(struct worker *w, void *local)
{
    w->local = local;
}
