/* The transport with its threads: two workers publish, look up and read while retention works and
 * the keeper keeps. One order for all, every publish answered, nothing held is missed.
 *
 * Threads meet here. */

#include "base/hash.h"
#include "transport/active_update.h"
#include "transport/disk/disk.h"
#include "transport/registry.h"
#include "unit/transport/disk/history.h"

enum {
    WORKERS = 2,
    UPDATES = 3000,
    READERS = 6,
};

static struct transport *transport;
static struct worker *workers[WORKERS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static struct position heard[WORKERS][UPDATES];
static size_t heard_count[WORKERS], committed, failed, too_large, stopped, finds, finished;

/* Requests are made on their origin's thread. */
struct task {
    struct message message;
    void (*run)(void *);
    void *argument;
};

static void
on_task(struct worker *w, struct message *m)
{
    (void)w;
    struct task *t = CONTAINER_OF(m, struct task, message);
    t->run(t->argument);
    free(t);
}

static void
on_worker(struct worker *w, void (*run)(void *), void *argument)
{
    struct task *t = xalloc(sizeof *t);
    *t = (struct task){{.receive = on_task}, run, argument};
    worker_post(w, &t->message);
}

static void
wait_until(const size_t *value, size_t at_least)
{
    pthread_mutex_lock(&lock);
    while (*value < at_least)
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
}

static void
add(size_t *value, size_t n)
{
    pthread_mutex_lock(&lock);
    *value += n;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

static void
on_delivery(struct worker *w, struct message *m)
{
    struct transport_delivery *d = CONTAINER_OF(m, struct transport_delivery, message);
    unsigned n = worker_number(w);
    pthread_mutex_lock(&lock);
    for (uint32_t i = 0; i < d->batch->count; i++)
        heard[n][heard_count[n]++] = d->batch->updates[i]->position;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
    transport_delivered(transport, n, d->batch->bytes);
    batch_unref(&d->batch);
    free(d);
}

/* --- publishes ----------------------------------------------------------------------------------
 */

enum {
    GROUP = 8
};

struct post {
    struct transport_publish request;
    struct update *updates[GROUP];
};

static void
on_published(struct worker *w, struct message *m)
{
    (void)w;
    struct transport_publish *p = CONTAINER_OF(m, struct transport_publish, message);
    for (uint32_t i = 0; i < p->count; i++)
        ck_assert_ptr_null(p->updates[i]);
    ck_assert_int_eq(p->committed == p->count, p->outcome == PUBLISH_COMMITTED);
    add(p->outcome == PUBLISH_COMMITTED   ? &committed
        : p->outcome == PUBLISH_FAILED    ? &failed
        : p->outcome == PUBLISH_TOO_LARGE ? &too_large
                                          : &stopped,
        1);
    free(CONTAINER_OF(p, struct post, request));
}

static void
run_publish(void *p)
{
    transport_publish(transport, p);
}

/* So many updates at once. */
static void
publish_group(unsigned number, unsigned count, size_t size)
{
    char id[24];
    struct post *p = xalloc(sizeof *p);
    p->request = (struct transport_publish){.message.receive = on_published,
                                            .origin = workers[number % WORKERS],
                                            .updates = p->updates,
                                            .count = count};
    for (unsigned i = 0; i < count; i++) {
        snprintf(id, sizeof id, "id-%u", number + i);
        p->updates[i] = make_update(id, 1, size);
        p->updates[i]->id_is_chosen = number % 3 == 0;
    }
    on_worker(p->request.origin, run_publish, &p->request);
}

static void
publish(unsigned number, size_t size)
{
    publish_group(number, 1, size);
}

/* --- look-ups and reads -------------------------------------------------------------------------
 */

static void
run_find(void *f)
{
    transport_find(transport, f);
}

static void
on_found(struct worker *w, struct message *m)
{
    (void)w;
    struct transport_find *f = CONTAINER_OF(m, struct transport_find, message);
    free((char *)f->id.ptr);
    free(f);
    add(&finds, 1);
}

static void
find(unsigned number)
{
    char id[24];
    int len = snprintf(id, sizeof id, "id-%u", number);
    struct transport_find *f = xalloc(sizeof *f);
    *f = (struct transport_find){.message.receive = on_found,
                                 .origin = workers[number % WORKERS],
                                 .id = SLICE_OF(xstrndup(id, (size_t)len), (size_t)len)};
    on_worker(f->origin, run_find, f);
}

/* Reads from the oldest on until it has met `last`; begins again where it is overtaken. */
struct walker {
    struct transport_read read;
    struct position last, at;
    bool begun;
};

static struct position
later(struct position a, struct position b)
{
    return position_cmp(a, b) >= 0 ? a : b;
}

/* Each update is the one that workers heard next, but for what the walker was told of. */
static void
check_piece(const struct walker *k)
{
    const struct batch *b = k->read.piece;
    struct position told = later(k->read.told.published, k->read.told.active);
    struct position at = k->at;
    pthread_mutex_lock(&lock);
    for (uint32_t i = batch_index_after(b, at); i < b->count; i++) {
        size_t low = 0, high = heard_count[0];
        while (low < high) {
            size_t mid = (low + high) / 2;
            if (position_cmp(heard[0][mid], later(at, told)) <= 0)
                low = mid + 1;
            else
                high = mid;
        }
        struct position p = b->updates[i]->position;
        if (low < heard_count[0] && position_cmp(p, told) > 0)
            ck_assert_int_eq(position_cmp(heard[0][low], p), 0);
        at = p;
    }
    pthread_mutex_unlock(&lock);
}

static void
run_read(void *read)
{
    transport_read(transport, read);
}

static void
on_read(struct worker *w, struct message *m)
{
    (void)w;
    struct walker *k = CONTAINER_OF(m, struct walker, read.message);
    struct batch *piece = k->read.piece;
    if (k->read.gone) {
        k->begun = k->read.told.is_set = false;
    } else if (piece) {
        if (!k->begun)
            k->at = k->read.after;
        k->begun = true;
        ck_assert(k->read.told.is_set || position_cmp(piece->after, k->at) <= 0);
        ck_assert_int_gt(position_cmp(piece->upto, k->at), 0);
        check_piece(k);
        k->at = piece->upto;
    }
    batch_unref(&piece);
    if (k->begun && position_cmp(k->at, k->last) >= 0) {
        add(&finished, 1);
        return;
    }
    k->read.from_removed = !k->begun;
    k->read.after = k->at;
    k->read.piece = NULL;
    transport_read(transport, &k->read);
}

static void
walk(struct walker *k, struct worker *origin, struct position last)
{
    *k = (struct walker){.read = {.message.receive = on_read,
                                  .origin = origin,
                                  .scope = READ_ALL,
                                  .from_removed = true},
                         .last = last};
    on_worker(origin, run_read, &k->read);
}

/* ------------------------------------------------------------------------------------------------
 */

static void
open_with(uint64_t sync_interval_ms, bool subscriptions)
{
    struct store_settings s = history_settings();
    const struct transport_settings settings = {.tail_bytes = 65536,
                                                .max_batch_bytes = 4096,
                                                .path = s.path,
                                                .max_events = 1500,
                                                .max_bytes = 1 << 20,
                                                .max_age_ms = 86400000,
                                                .sync_interval_ms = sync_interval_ms,
                                                .subscriptions = subscriptions,
                                                .subscriptions_max_bytes = 1 << 20,
                                                .subscriptions_max_age_ms = 86400000};
    struct error err = {""};
    transport = transport_open(&disk_transport, &settings, &err);
    ck_assert_msg(transport != NULL, "%s", err.text);
    for (unsigned i = 0; i < WORKERS; i++)
        workers[i] = worker_new(i);
    transport_start(transport, workers, WORKERS, on_delivery);
    for (unsigned i = 0; i < WORKERS; i++)
        worker_start(workers[i]);
    heard_count[0] = heard_count[1] = committed = failed = too_large = stopped = finds = finished =
        0;
}

static void
open_all(uint64_t sync_interval_ms)
{
    open_with(sync_interval_ms, false);
}

static void
close_all(void)
{
    for (unsigned i = 0; i < WORKERS; i++)
        worker_stop(workers[i]);
    for (unsigned i = 0; i < WORKERS; i++)
        worker_join(workers[i]);
    transport_stop(transport);
    for (unsigned i = 0; i < WORKERS; i++)
        worker_free(&workers[i]);
    transport_free(&transport);
}

static void
everything_at_once(uint64_t sync_interval_ms)
{
    static struct walker walkers[READERS];
    open_all(sync_interval_ms);
    for (unsigned i = 0; i < UPDATES; i++) {
        publish(i, i % 700);
        if (i % 5 == 0)
            find(i / 2);
        if (i % 500 == 499) { /* everything up to here, by whoever reads from now on */
            wait_until(&committed, i + 1);
            wait_until(&heard_count[0], i + 1);
            pthread_mutex_lock(&lock);
            struct position last = heard[0][i];
            pthread_mutex_unlock(&lock);
            walk(&walkers[i / 500], workers[i / 500 % WORKERS], last);
        }
    }
    wait_until(&heard_count[1], UPDATES);
    wait_until(&finds, UPDATES / 5);
    wait_until(&finished, READERS);
    pthread_mutex_lock(&lock);
    ck_assert_uint_eq(failed, 0);
    for (unsigned i = 0; i < UPDATES; i++) {
        ck_assert_int_eq(position_cmp(heard[0][i], heard[1][i]), 0);
        if (i)
            ck_assert_int_lt(position_cmp(heard[0][i - 1], heard[0][i]), 0);
    }
    pthread_mutex_unlock(&lock);
    close_all();
    struct store_settings s = history_settings();
    struct store *st = history_open(&s);
    struct held h = history_read(st, NULL);
    ck_assert_uint_gt(h.count, 1000);
    ck_assert_int_eq(position_cmp(h.last, heard[0][UPDATES - 1]), 0);
    store_close(&st);
    history_remove();
}

START_TEST(with_a_sync_for_each_commit)
{
    everything_at_once(0);
}
END_TEST

START_TEST(with_a_sync_now_and_then)
{
    everything_at_once(1);
}
END_TEST

/* --- who is there -------------------------------------------------------------------------------
 */

enum {
    THERE = 100 /* at once */
};

static struct active *
make_active(unsigned number)
{
    char subscriber[64];
    snprintf(subscriber, sizeof subscriber, "urn:uuid:%040u", number);
    const struct active_parts parts = {.dialect = DIALECT_1_0,
                                       .hub = SLICE("/hub"),
                                       .match_type = SLICE("exact"),
                                       .match = SLICE("a"),
                                       .subscriber = slice_of(subscriber)};
    return active_new(&parts);
}

/* A group: one comes, something is said, and one goes that came a while ago. */
static void
come_and_go(unsigned number, struct active **there)
{
    char id[24];
    struct active **place = &there[number % THERE];
    struct post *p = xalloc(sizeof *p);
    p->request = (struct transport_publish){.message.receive = on_published,
                                            .origin = workers[number % WORKERS],
                                            .updates = p->updates};
    struct update **next = p->updates;
    if (*place) {
        snprintf(id, sizeof id, "end-%u", number);
        *next++ = active_update(*place, true, slice_of(id));
        active_unref(place);
    }
    *place = make_active(number);
    ck_assert(registry_reserve(transport_registry(transport), *place));
    snprintf(id, sizeof id, "begin-%u", number);
    *next++ = active_update(*place, false, slice_of(id));
    snprintf(id, sizeof id, "id-%u", number);
    *next++ = make_update(id, 1, number % 700);
    p->request.count = (uint32_t)(next - p->updates);
    on_worker(p->request.origin, run_publish, &p->request);
}

static size_t
walk_registry(void)
{
    struct registry_walk w;
    struct active *into[64];
    struct buf id;
    size_t count = 0, got;
    buf_init(&id, 1000);
    registry_walk_begin(transport_registry(transport), &w, DIALECT_1_0, SLICE(""), &id);
    while ((got = registry_walk_next(&w, into, COUNT_OF(into))) > 0)
        for (count += got; got > 0; got--)
            active_unref(&into[got - 1]);
    buf_fini(&id);
    return count;
}

START_TEST(who_comes_and_goes_is_told_among_the_rest)
{
    enum {
        GROUPS = (UPDATES + THERE) / 3
    };
    static struct walker walkers[READERS];
    static struct active *there[THERE];
    size_t updates = 0;
    open_with(0, true);
    for (unsigned i = 0; i < GROUPS; i++) {
        come_and_go(i, there);
        updates += i < THERE ? 2 : 3;
        if (i % 5 == 0)
            find(i / 2);
        if (i >= THERE)
            ck_assert_uint_le(walk_registry(), THERE); /* in whole groups */
        if (i % 150 == 149 && i / 150 < READERS) {
            wait_until(&committed, i + 1);
            wait_until(&heard_count[0], updates);
            ck_assert_uint_eq(walk_registry(), THERE);
            pthread_mutex_lock(&lock);
            struct position last = heard[0][updates - 1];
            pthread_mutex_unlock(&lock);
            walk(&walkers[i / 150], workers[i / 150 % WORKERS], last);
        }
    }
    wait_until(&heard_count[0], updates);
    wait_until(&heard_count[1], updates);
    wait_until(&finished, READERS);
    wait_until(&finds, (GROUPS + 4) / 5);
    ck_assert_uint_eq(failed, 0);
    for (size_t i = 1; i < updates; i++) {
        ck_assert_int_eq(position_cmp(heard[0][i], heard[1][i]), 0);
        ck_assert_int_lt(position_cmp(heard[0][i - 1], heard[0][i]), 0);
    }
    close_all();
    open_with(0, true); /* after a stop all of them are there */
    ck_assert_uint_eq(registry_count(transport_registry(transport)), THERE);
    close_all();
    for (unsigned i = 0; i < THERE; i++)
        active_unref(&there[i]);
    history_remove();
}
END_TEST

/* Beside others, whichever batch it stands in. */
START_TEST(an_update_that_cannot_be_held_fails_alone)
{
    open_all(0);
    for (unsigned i = 0; i < 300; i++)
        publish(i, i % 10 == 5 ? history_settings().max_bytes / 2 : 10);
    wait_until(&committed, 270);
    wait_until(&too_large, 30);
    close_all();
    ck_assert_uint_eq(failed, 0);
    struct store_settings s = history_settings();
    struct store *st = history_open(&s);
    ck_assert_uint_eq(history_read(st, NULL).count, 270);
    store_close(&st);
    history_remove();
}
END_TEST

START_TEST(after_refuse_a_publish_is_answered_stopped_and_those_before_are_committed)
{
    open_all(0);
    for (unsigned i = 0; i < 100; i++)
        publish(i, 10);
    wait_until(&committed, 100);
    transport_refuse(transport);
    publish(100, 10);
    wait_until(&stopped, 1);
    close_all();
    ck_assert_uint_eq(committed, 100);
    struct store_settings s = history_settings();
    struct store *st = history_open(&s);
    ck_assert_uint_eq(history_read(st, NULL).count, 100);
    store_close(&st);
    history_remove();
}
END_TEST

int
main(void)
{
    hash_seed();
    Suite *s = suite_create("log");
    TCase *c = tcase_create("threads");
    tcase_set_timeout(c, 60);
    tcase_add_test(c, with_a_sync_for_each_commit);
    tcase_add_test(c, with_a_sync_now_and_then);
    tcase_add_test(c, who_comes_and_goes_is_told_among_the_rest);
    tcase_add_test(c, an_update_that_cannot_be_held_fails_alone);
    tcase_add_test(c, after_refuse_a_publish_is_answered_stopped_and_those_before_are_committed);
    suite_add_tcase(s, c);
    SRunner *r = srunner_create(s);
    srunner_set_fork_status(r, CK_NOFORK); /* threads */
    srunner_run_all(r, CK_NORMAL);
    int bad = srunner_ntests_failed(r);
    srunner_free(r);
    return bad ? EXIT_FAILURE : EXIT_SUCCESS;
}
