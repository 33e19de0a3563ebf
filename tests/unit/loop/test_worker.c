/* Mail: in order, at once, or when its receiver has its next turn anyway. And the end of a turn:
 * whoever has more to do every time does not keep others out.
 *
 * Threads meet here. */

#include "loop/worker.h"

#include "base/alloc.h"
#include "unit/guard.h"

#include <semaphore.h>
#include <stdatomic.h>
#include <unistd.h>

static struct worker *worker;

/* Asks for another round as long as it is told to. */
struct busy {
    struct closing closing;
    atomic_bool on;
    atomic_uint rounds;
};

static void
on_round(struct closing *c)
{
    struct busy *b = CONTAINER_OF(c, struct busy, closing);
    b->rounds++;
    if (b->on)
        worker_close_later(worker, c);
}

struct call {
    struct message message;
    void (*run)(void);
    sem_t done;
};

static void
on_call(struct worker *w, struct message *m)
{
    (void)w;
    struct call *call = CONTAINER_OF(m, struct call, message);
    call->run();
    sem_post(&call->done);
}

static void
on_worker(void (*run)(void))
{
    struct call call = {.message.receive = on_call, .run = run};
    sem_init(&call.done, 0, 0);
    worker_post(worker, &call.message);
    while (sem_wait(&call.done) != 0)
        ;
    sem_destroy(&call.done);
}

static struct busy first = {.closing.free = on_round}, second = {.closing.free = on_round};

static void
begin(void)
{
    worker_close_later(worker, &first.closing);
    worker_close_later(worker, &second.closing);
}

static void
nothing(void)
{
}

START_TEST(mail_is_read_and_turns_are_taken_while_somebody_asks_for_more_and_more)
{
    worker = worker_new(0);
    worker_start(worker);
    first.on = second.on = true;
    on_worker(begin);
    for (int i = 0; i < 100; i++)
        on_worker(nothing);
    while (first.rounds < 100000)
        on_worker(nothing);
    unsigned one = first.rounds, other = second.rounds;
    ck_assert_uint_ge(other, 99999);
    ck_assert_uint_le(one, first.rounds);
    first.on = second.on = false;
    on_worker(nothing);
    on_worker(nothing);
    ck_assert_uint_le(first.rounds - second.rounds + 1, 2);
    worker_stop(worker);
    worker_join(worker);
    worker_free(&worker);
}
END_TEST

static struct closing last;
static atomic_uint rounds_before_last, lasts;

static void
on_last(struct closing *c)
{
    (void)c;
    rounds_before_last = first.rounds;
    lasts++;
}

static void
begin_and_end_with_last(void)
{
    worker_close_later(worker, &first.closing);
    worker_end_turn_with(worker, &last);
}

START_TEST(what_ends_a_turn_comes_behind_its_rounds_though_somebody_asks_for_more_and_more)
{
    worker = worker_new(0);
    worker_start(worker);
    first.on = true;
    first.rounds = 0;
    last.free = on_last;
    on_worker(begin_and_end_with_last);
    while (lasts == 0)
        on_worker(nothing);
    ck_assert_uint_gt(rounds_before_last, 1);
    first.on = false;
    on_worker(nothing);
    worker_stop(worker);
    worker_join(worker);
    ck_assert_uint_eq(lasts, 1);
    worker_free(&worker);
}
END_TEST

static void
stop_busy(void)
{
    first.on = false;
}

START_TEST(a_stop_works_off_what_is_closing)
{
    worker = worker_new(0);
    worker_start(worker);
    first.on = true;
    first.rounds = second.rounds = 0;
    on_worker(begin);
    on_worker(stop_busy);
    worker_stop(worker);
    worker_join(worker);
    ck_assert_uint_gt(first.rounds, 0);
    ck_assert_uint_eq(second.rounds, 1);
    worker_free(&worker);
}
END_TEST

enum {
    LETTERS = 8
};

struct letter {
    struct message message;
    unsigned number;
};

static struct letter letters[LETTERS];
static unsigned order[LETTERS];
static atomic_uint received;

static void
receive(struct worker *w, struct message *m)
{
    (void)w;
    unsigned n = atomic_load(&received);
    order[n] = CONTAINER_OF(m, struct letter, message)->number;
    atomic_store(&received, n + 1);
}

static void
post(struct worker *w, unsigned number, bool can_wait)
{
    struct list one;
    list_init(&one);
    letters[number] = (struct letter){.message.receive = receive, .number = number};
    list_append(&one, &letters[number].message.node);
    worker_post_list(w, &one, can_wait);
}

static void
await(unsigned count)
{
    for (int ms = 0; ms < 20000 && atomic_load(&received) < count; ms++)
        usleep(1000);
    ck_assert_uint_eq(atomic_load(&received), count);
}

START_TEST(what_can_wait_comes_before_what_cannot_and_with_a_tick_at_the_latest)
{
    struct worker *w = worker_new(0);
    worker_set_drowsy(w, true);
    worker_start(w);
    post(w, 0, true);
    post(w, 1, true);
    post(w, 2, false);
    await(3);
    post(w, 3, true); /* nothing else comes */
    await(4);
    for (unsigned i = 0; i < 4; i++)
        ck_assert_uint_eq(order[i], i);
    worker_stop(w);
    worker_join(w);
    worker_free(&w);
}
END_TEST

START_TEST(a_worker_that_is_awake_takes_everything_at_once)
{
    struct worker *w = worker_new(0);
    worker_set_drowsy(w, false);
    worker_start(w);
    for (unsigned i = 0; i < LETTERS; i++) {
        post(w, i, i % 2);
        await(i + 1);
    }
    worker_stop(w);
    worker_join(w);
    worker_free(&w);
}
END_TEST

UNIT_MAIN("loop/worker", mail_is_read_and_turns_are_taken_while_somebody_asks_for_more_and_more,
          what_ends_a_turn_comes_behind_its_rounds_though_somebody_asks_for_more_and_more,
          a_stop_works_off_what_is_closing,
          what_can_wait_comes_before_what_cannot_and_with_a_tick_at_the_latest,
          a_worker_that_is_awake_takes_everything_at_once)
