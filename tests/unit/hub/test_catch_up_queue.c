/* The queue of those that catch up: by turns, and no more reads than there are. */

#include "hub/catch_up_queue.h"

#include "unit/guard.h"

#include <semaphore.h>
#include <string.h>

enum {
    STINTS = 9,
    WHOLE_TURN = 1 << 20, /* what leaves nothing of a turn for others */
};

struct reader {
    struct list node;
    char name;
    bool is_fed;
};

static struct catch_up_queue *queue;
static struct reader a = {.name = 'a'}, b = {.name = 'b'}, c = {.name = 'c'};
static char stints[STINTS + 1];
static sem_t done;
static size_t reads;

/* Everybody leaves with the last stint. */
static void
note(struct reader *r)
{
    stints[strlen(stints)] = r->name;
    if (strlen(stints) < STINTS)
        return;
    list_unlink(&a.node);
    list_unlink(&b.node);
    list_unlink(&c.node);
    sem_post(&done);
}

static size_t
stint(struct list *node)
{
    note(CONTAINER_OF(node, struct reader, node));
    return 1;
}

/* Who finds no read is not asked again until there is one. */
static size_t
stint_of_readers(struct list *node)
{
    struct reader *r = CONTAINER_OF(node, struct reader, node);
    if (!r->is_fed && !catch_up_queue_take_read(queue)) {
        catch_up_queue_starve(queue, node);
        return 0;
    }
    r->is_fed = true;
    if (strlen(stints) == 2)
        catch_up_queue_give_read(queue);
    note(r);
    return WHOLE_TURN;
}

static void
receive(struct worker *w, struct message *m)
{
    (void)w;
    (void)m;
    catch_up_queue_add(queue, &a.node);
    catch_up_queue_add(queue, &b.node);
    catch_up_queue_add(queue, &c.node);
}

static const char *
run(size_t (*each)(struct list *node), size_t free_reads)
{
    struct worker *worker = worker_new(0);
    struct message message = {.receive = receive};
    memset(stints, 0, sizeof stints);
    sem_init(&done, 0, 0);
    list_init(&a.node);
    list_init(&b.node);
    list_init(&c.node);
    queue = catch_up_queue_new(worker, each);
    for (reads = 0; catch_up_queue_take_read(queue);)
        reads++;
    for (; free_reads; free_reads--)
        catch_up_queue_give_read(queue);
    worker_start(worker);
    worker_post(worker, &message);
    while (sem_wait(&done) != 0)
        ;
    worker_stop(worker);
    worker_join(worker);
    catch_up_queue_free(&queue);
    worker_free(&worker);
    sem_destroy(&done);
    return stints;
}

START_TEST(streams_make_their_stints_by_turns)
{
    ck_assert_str_eq(run(stint, 0), "abcabcabc");
}
END_TEST

START_TEST(whoever_finds_no_read_waits_until_one_is_given_back)
{
    ck_assert_str_eq(run(stint_of_readers, 2), "ababacbac");
    ck_assert_uint_eq(reads, 64);
}
END_TEST

UNIT_MAIN("hub/catch_up_queue", streams_make_their_stints_by_turns,
          whoever_finds_no_read_waits_until_one_is_given_back)
