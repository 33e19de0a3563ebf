/* Mail: in order, at once, or when its receiver has its next turn anyway. */

#include "loop/worker.h"

#include "base/alloc.h"

#include <check.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

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

int
main(void)
{
    Suite *suite = suite_create("loop/worker");
    TCase *tcase = tcase_create("worker");
    tcase_add_test(tcase, what_can_wait_comes_before_what_cannot_and_with_a_tick_at_the_latest);
    tcase_add_test(tcase, a_worker_that_is_awake_takes_everything_at_once);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
