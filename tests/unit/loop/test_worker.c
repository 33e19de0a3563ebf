/* The end of a worker's turn: whoever has more to do every time does not keep others out. */

#include "loop/worker.h"

#include "base/alloc.h"
#include "unit/guard.h"

#include <semaphore.h>
#include <stdatomic.h>

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

UNIT_MAIN("loop/worker", mail_is_read_and_turns_are_taken_while_somebody_asks_for_more_and_more,
          a_stop_works_off_what_is_closing)
