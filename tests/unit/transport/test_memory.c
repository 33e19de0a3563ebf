/* The contract of transport.h, as `memory` keeps it: two workers hear one order, answers come, the
 * ring is bounded and says what is gone, and a worker that lags makes publishes wait.
 *
 * Threads meet here. */

#include "base/alloc.h"
#include "base/hash.h"
#include "transport/active_update.h"
#include "transport/memory.h"
#include "transport/registry.h"

#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    WORKERS = 2,
    UPDATES = 2000
};

static struct transport *transport;
static struct worker *workers[WORKERS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static struct position heard[WORKERS][UPDATES];
static size_t heard_count[WORKERS], answered, stopped, held_back;
static bool hold_deliveries;

static void
on_delivery(struct worker *w, struct message *m)
{
    struct transport_delivery *d = CONTAINER_OF(m, struct transport_delivery, message);
    unsigned n = worker_number(w);
    size_t bytes = d->batch->bytes;
    pthread_mutex_lock(&lock);
    for (uint32_t i = 0; i < d->batch->count; i++)
        heard[n][heard_count[n]++] = d->batch->updates[i]->position;
    bool hold = hold_deliveries;
    if (hold)
        held_back += n == 0 ? bytes : 0;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
    if (!hold || n != 0)
        transport_delivered(transport, n, bytes);
    batch_unref(&d->batch);
    free(d);
}

enum {
    GROUP = 8
};

struct post {
    struct transport_publish request;
    struct update *updates[GROUP];
};

static struct position before_group;

static void
on_answer(struct worker *w, struct message *m)
{
    (void)w;
    struct transport_publish *p = CONTAINER_OF(m, struct transport_publish, message);
    pthread_mutex_lock(&lock);
    for (uint32_t i = 0; i < p->count; i++)
        ck_assert_ptr_null(p->updates[i]);
    ck_assert_int_eq(p->committed == p->count, p->outcome == PUBLISH_COMMITTED);
    if (p->outcome == PUBLISH_COMMITTED)
        answered++;
    else if (p->outcome == PUBLISH_STOPPED)
        stopped++;
    before_group = p->before;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
    free(CONTAINER_OF(p, struct post, request));
}

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
run_publish(void *p)
{
    transport_publish(transport, p);
}

static void
run_find(void *f)
{
    transport_find(transport, f);
}

static void
run_read(void *r)
{
    transport_read(transport, r);
}

static void
run_delivered(void *bytes)
{
    transport_delivered(transport, 0, *(size_t *)bytes);
}

static struct update *
numbered(unsigned number, size_t size)
{
    char id[24];
    static char data[100000];
    struct slice topic = SLICE("t");
    bool too_large;
    const struct update_parts parts = {
        .topics = &topic,
        .topic_count = 1,
        .id = SLICE_OF(id, (size_t)snprintf(id, sizeof id, "id-%u", number)),
        .data = SLICE_OF(data, size)};
    return update_new(&parts, 1 << 20, &too_large);
}

/* Takes the updates. */
static void
publish_these(struct worker *origin, unsigned count, struct update **updates)
{
    struct post *p = xalloc(sizeof *p);
    p->request = (struct transport_publish){
        .message.receive = on_answer, .origin = origin, .updates = p->updates, .count = count};
    for (unsigned i = 0; i < count; i++)
        p->updates[i] = updates[i];
    on_worker(origin, run_publish, &p->request);
}

static void
publish(unsigned number, size_t size)
{
    struct update *u = numbered(number, size);
    publish_these(workers[number % WORKERS], 1, &u);
}

static void
open_with(struct transport_settings settings)
{
    transport = transport_open(&memory_transport, &settings, NULL);
    for (unsigned i = 0; i < WORKERS; i++)
        workers[i] = worker_new(i);
    transport_start(transport, workers, WORKERS, on_delivery);
    for (unsigned i = 0; i < WORKERS; i++)
        worker_start(workers[i]);
    heard_count[0] = heard_count[1] = answered = stopped = held_back = 0;
    hold_deliveries = false;
}

static void
open_all(size_t tail)
{
    open_with((struct transport_settings){.tail_bytes = tail, .max_batch_bytes = 4096});
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
wait_until(const size_t *value, size_t at_least)
{
    pthread_mutex_lock(&lock);
    while (*value < at_least)
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
}

START_TEST(all_workers_hear_one_order_and_every_publish_is_answered)
{
    open_all(1 << 20);
    for (unsigned i = 0; i < UPDATES; i++)
        publish(i, 10);
    wait_until(&answered, UPDATES);
    wait_until(&heard_count[0], UPDATES);
    wait_until(&heard_count[1], UPDATES);
    pthread_mutex_lock(&lock);
    for (unsigned i = 0; i < UPDATES; i++) {
        ck_assert_int_eq(position_cmp(heard[0][i], heard[1][i]), 0);
        if (i)
            ck_assert_int_lt(position_cmp(heard[0][i - 1], heard[0][i]), 0);
    }
    pthread_mutex_unlock(&lock);
    close_all();
}
END_TEST

static size_t finds_answered, reads_answered;

static void
on_find(struct worker *w, struct message *m)
{
    (void)w;
    (void)m;
    pthread_mutex_lock(&lock);
    finds_answered++;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

static void
on_read(struct worker *w, struct message *m)
{
    (void)w;
    (void)m;
    pthread_mutex_lock(&lock);
    reads_answered++;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

static struct transport_find
find(struct slice id)
{
    struct transport_find f = {.message.receive = on_find, .origin = workers[1], .id = id};
    size_t before = finds_answered;
    on_worker(f.origin, run_find, &f);
    wait_until(&finds_answered, before + 1);
    return f;
}

static struct transport_read
read_as(struct transport_read r)
{
    r.message.receive = on_read;
    r.origin = workers[1];
    size_t before = reads_answered;
    on_worker(r.origin, run_read, &r);
    wait_until(&reads_answered, before + 1);
    return r;
}

static struct transport_read
read_after(bool from_removed, struct position after)
{
    return read_as((struct transport_read){.from_removed = from_removed, .after = after});
}

START_TEST(the_ring_is_bounded_and_says_what_is_gone)
{
    open_all(20000);
    for (unsigned i = 0; i < 200; i++) {
        publish(i, 1000);
        wait_until(&answered, i + 1);
    }
    ck_assert(!find(SLICE("id-0")).found);
    ck_assert(!find(SLICE("nobody")).found);
    struct transport_find last = find(SLICE("id-199"));
    ck_assert(last.found);

    struct transport_read r = read_after(true, (struct position){0, 0});
    ck_assert(!r.gone);
    ck_assert_ptr_nonnull(r.piece);
    struct position oldest = r.piece->updates[0]->position, removed = r.after;
    ck_assert_int_eq(position_cmp(r.piece->after, removed), 0);
    ck_assert_int_gt(position_cmp(oldest, removed), 0);
    batch_unref(&r.piece);

    r = read_after(false, (struct position){removed.run, removed.sequence - 1});
    ck_assert(r.gone);
    r = read_after(false, last.position);
    ck_assert(!r.gone);
    ck_assert_ptr_null(r.piece);

    /* The last removed id is still a cursor. */
    char id[24];
    snprintf(id, sizeof id, "id-%u", (unsigned)removed.sequence - 1);
    struct transport_find at_removed = find(slice_of(id));
    ck_assert(at_removed.found);
    ck_assert_int_eq(position_cmp(at_removed.position, removed), 0);
    close_all();
}
END_TEST

START_TEST(of_several_updates_with_one_id_the_earliest_is_found)
{
    open_all(1 << 20);
    for (unsigned i = 0; i < 3; i++) {
        publish(7, 10);
        wait_until(&answered, i + 1);
    }
    struct transport_find f = find(SLICE("id-7"));
    ck_assert(f.found);
    ck_assert_uint_eq(f.position.sequence, 1);
    close_all();
}
END_TEST

START_TEST(a_worker_that_lags_makes_publishes_wait_and_nothing_is_lost)
{
    open_all(20000);
    pthread_mutex_lock(&lock);
    hold_deliveries = true;
    pthread_mutex_unlock(&lock);
    for (unsigned i = 0; i < 100; i++)
        publish(i, 1000);
    /* Batches hold at least 4,096 bytes: past 20,000 undelivered no further one is committed. */
    wait_until(&held_back, 20001);
    ck_assert(!find(SLICE("id-99")).found); /* reads and look-ups go on meanwhile */
    pthread_mutex_lock(&lock);
    ck_assert_uint_lt(answered, 100);
    hold_deliveries = false;
    size_t bytes = held_back;
    pthread_mutex_unlock(&lock);
    on_worker(workers[0], run_delivered, &bytes);
    wait_until(&answered, 100);
    wait_until(&heard_count[0], 100);
    wait_until(&heard_count[1], 100);
    close_all();
}
END_TEST

static void
run_probe(void *p)
{
    transport_probe(transport, p);
}

START_TEST(a_probe_is_answered_and_stat_says_what_is_held)
{
    struct transport_stat held;
    open_all(4096);
    transport_stat(transport, &held);
    ck_assert_uint_eq(held.events, 0);
    ck_assert_uint_eq(held.oldest_ms, 0);
    for (unsigned i = 0; i < 100; i++) {
        publish(i, 100);
        wait_until(&answered, i + 1);
    }
    transport_stat(transport, &held);
    ck_assert_uint_gt(held.events, 5);
    ck_assert_uint_lt(held.events, 100);
    ck_assert_uint_le(held.bytes, 4096);
    ck_assert_uint_ge(held.bytes, held.events * 100);
    ck_assert_uint_gt(held.oldest_ms, 0);
    struct transport_probe probe = {.message.receive = on_find, .origin = workers[1]};
    size_t before = finds_answered;
    on_worker(workers[1], run_probe, &probe);
    wait_until(&finds_answered, before + 1);
    ck_assert(probe.ok);
    close_all();
}
END_TEST

START_TEST(after_refuse_a_publish_is_answered_stopped)
{
    open_all(1 << 20);
    transport_refuse(transport);
    publish(1, 10);
    wait_until(&stopped, 1);
    ck_assert(!find(SLICE("id-1")).found);
    close_all();
}
END_TEST

START_TEST(a_group_stands_together_and_knows_what_comes_before_it)
{
    open_all(1 << 20);
    struct update *group[GROUP];
    for (unsigned i = 0; i < 100; i++)
        publish(i, 10);
    for (unsigned i = 0; i < GROUP; i++)
        group[i] = numbered(1000 + i, 5000); /* each of them fills a batch alone */
    publish_these(workers[0], GROUP, group);
    for (unsigned i = 100; i < 200; i++)
        publish(i, 10);
    wait_until(&answered, 201);
    struct position first = find(SLICE("id-1000")).position;
    for (unsigned i = 0; i < GROUP; i++) {
        char id[24];
        snprintf(id, sizeof id, "id-%u", 1000 + i);
        ck_assert_uint_eq(find(slice_of(id)).position.sequence, first.sequence + i);
    }
    close_all();
}
END_TEST

START_TEST(who_is_there_is_known_before_any_worker_hears_of_it)
{
    const struct active_parts parts = {.dialect = DIALECT_1_0,
                                       .hub = SLICE("/hub"),
                                       .match_type = SLICE("exact"),
                                       .match = SLICE("a"),
                                       .subscriber = SLICE("urn:uuid:1")};
    struct active *a = active_new(&parts);
    struct buf id;
    open_with((struct transport_settings){.tail_bytes = 1 << 20,
                                          .max_batch_bytes = 4096,
                                          .subscriptions = true,
                                          .subscriptions_max_bytes = 1 << 20});
    struct registry *registry = transport_registry(transport);
    buf_init(&id, 1000);
    publish(1, 10);
    wait_until(&answered, 1);
    struct position p = find(SLICE("id-1")).position;
    ck_assert(registry_reserve(registry, a));
    struct update *begin = active_update(a, false, SLICE("begin"));
    publish_these(workers[0], 1, &begin);
    wait_until(&answered, 2);
    ck_assert_int_eq(position_cmp(before_group, p), 0);
    struct active *found = registry_find(registry, DIALECT_1_0, a->id, &id);
    ck_assert_ptr_eq(found, a);
    ck_assert(slice_eq(buf_slice(&id), SLICE("begin")));
    active_unref(&found);
    struct update *end = active_update(a, true, SLICE("end"));
    publish_these(workers[1], 1, &end);
    wait_until(&answered, 3);
    ck_assert_uint_eq(registry_count(registry), 0);
    publish(2, 10); /* the registry is as of the last one, whatever that says */
    wait_until(&answered, 4);
    buf_clear(&id);
    ck_assert_ptr_null(registry_find(registry, DIALECT_1_0, a->id, &id));
    ck_assert(slice_eq(buf_slice(&id), SLICE("id-2")));
    buf_fini(&id);
    close_all();
    active_unref(&a);
}
END_TEST

static struct active *
make_active(unsigned number)
{
    char subscriber[32];
    snprintf(subscriber, sizeof subscriber, "urn:uuid:%u", number);
    const struct active_parts parts = {.dialect = DIALECT_0X,
                                       .hub = SLICE("/hub"),
                                       .match = SLICE("a"),
                                       .subscriber = slice_of(subscriber)};
    return active_new(&parts);
}

/* In one group: it begins, something is published, it ends. Ids are b-, id- and e-NUMBER. */
static void
publish_mixed(unsigned number)
{
    char begin[24], end[24];
    struct active *a = make_active(number);
    ck_assert(registry_reserve(transport_registry(transport), a));
    snprintf(begin, sizeof begin, "b-%u", number);
    snprintf(end, sizeof end, "e-%u", number);
    struct update *all[] = {active_update(a, false, slice_of(begin)), numbered(number, 10),
                            active_update(a, true, slice_of(end))};
    publish_these(workers[0], 3, all);
    active_unref(&a);
}

struct seen {
    unsigned published, active;
    bool gone;
};

static struct seen
read_to_end(struct transport_read r)
{
    struct seen seen = {0};
    struct position at = {0};
    for (bool first = true;; first = false) {
        r = read_as(r);
        if (first)
            at = r.after;
        seen.gone = r.gone;
        if (r.gone || r.piece == NULL)
            return seen;
        for (uint32_t i = batch_index_after(r.piece, at); i < r.piece->count; i++) {
            const struct update *u = r.piece->updates[i];
            ck_assert_int_gt(position_cmp(u->position, at), 0);
            at = u->position;
            if (u->kind == UPDATE_PUBLISHED)
                seen.published++;
            else
                seen.active++;
        }
        if (position_cmp(at, r.piece->upto) < 0)
            at = r.piece->upto;
        batch_unref(&r.piece);
        r.after = at;
        r.from_removed = false;
    }
}

static struct seen
read_behind(enum read_scope scope, struct position after)
{
    return read_to_end((struct transport_read){.scope = scope, .after = after});
}

START_TEST(begins_and_ends_have_a_ring_of_their_own_in_the_one_order)
{
    struct transport_stat held;
    open_with((struct transport_settings){.tail_bytes = 1 << 20,
                                          .max_batch_bytes = 4096,
                                          .subscriptions = true,
                                          .subscriptions_max_bytes = 1 << 20});
    for (unsigned i = 0; i < 100; i++)
        publish_mixed(i);
    wait_until(&answered, 100);
    struct position first = find(SLICE("b-0")).position;
    ck_assert_uint_eq(find(SLICE("id-0")).position.sequence, first.sequence + 1);
    ck_assert_uint_eq(find(SLICE("e-99")).position.sequence, first.sequence + 299);
    struct seen all = read_behind(READ_ALL, first);
    ck_assert(!all.gone);
    ck_assert_uint_eq(all.published, 100);
    ck_assert_uint_eq(all.active, 199);
    struct seen published = read_behind(READ_PUBLISHED, first);
    ck_assert_uint_eq(published.published, 100);
    ck_assert_uint_eq(published.active, 0);
    transport_stat(transport, &held);
    ck_assert_uint_eq(held.events, 100);
    ck_assert_uint_eq(held.subscriptions_events, 200);
    ck_assert_uint_gt(held.subscriptions_bytes, 200 * 100);
    close_all();
}
END_TEST

START_TEST(what_is_removed_of_begins_ends_only_who_wants_them)
{
    open_with((struct transport_settings){.tail_bytes = 1 << 20,
                                          .max_batch_bytes = 4096,
                                          .subscriptions = true,
                                          .subscriptions_max_bytes = 20000});
    for (unsigned i = 0; i < 100; i++) {
        publish_mixed(i);
        wait_until(&answered, i + 1);
    }
    struct transport_find f = find(SLICE("id-0"));
    ck_assert(f.found && f.is_lacking);
    ck_assert(!find(SLICE("b-1")).found);
    ck_assert(!find(SLICE("id-99")).is_lacking);
    struct seen seen = read_behind(READ_PUBLISHED, f.position);
    ck_assert(!seen.gone);
    ck_assert_uint_eq(seen.published, 99);
    ck_assert(read_behind(READ_ALL, f.position).gone);
    seen = read_behind(READ_ALL_THAT_IS_THERE, f.position);
    ck_assert(!seen.gone);
    ck_assert_uint_eq(seen.published, 99);
    ck_assert_uint_gt(seen.active, 5);
    ck_assert_uint_lt(seen.active, 100);
    seen = read_to_end((struct transport_read){.scope = READ_ALL, .from_removed = true});
    ck_assert(!seen.gone);
    ck_assert_uint_eq(seen.published, 100);
    /* What goes after the stream was told is not passed over. */
    struct transport_read r =
        read_as((struct transport_read){.scope = READ_ALL_THAT_IS_THERE, .after = f.position});
    ck_assert(r.told.is_set && !r.gone);
    batch_unref(&r.piece);
    for (unsigned i = 100; i < 150; i++) {
        publish_mixed(i);
        wait_until(&answered, i + 1);
    }
    ck_assert(read_as(r).gone);
    close_all();
}
END_TEST

START_TEST(a_begin_behind_which_updates_are_gone_is_unknown)
{
    open_with((struct transport_settings){.tail_bytes = 20000,
                                          .max_batch_bytes = 4096,
                                          .subscriptions = true,
                                          .subscriptions_max_bytes = 1 << 20});
    publish_mixed(0);
    wait_until(&answered, 1);
    struct position begin = find(SLICE("b-0")).position;
    for (unsigned i = 1; i < 200; i++) {
        publish(i, 1000);
        wait_until(&answered, i + 1);
    }
    ck_assert(!find(SLICE("b-0")).found);
    ck_assert(read_behind(READ_ALL, begin).gone);
    struct seen seen =
        read_to_end((struct transport_read){.scope = READ_ALL, .from_removed = true});
    ck_assert(!seen.gone);
    ck_assert_uint_eq(seen.active, 2);
    close_all();
}
END_TEST

START_TEST(begins_and_ends_grow_old)
{
    open_with((struct transport_settings){.tail_bytes = 1 << 20,
                                          .max_batch_bytes = 4096,
                                          .subscriptions = true,
                                          .subscriptions_max_bytes = 1 << 20,
                                          .subscriptions_max_age_ms = 1});
    publish_mixed(0);
    wait_until(&answered, 1);
    while (find(SLICE("b-0")).found)
        ;
    ck_assert(find(SLICE("e-0")).found); /* the last removed id is still a cursor */
    ck_assert(find(SLICE("id-0")).is_lacking);
    close_all();
}
END_TEST

START_TEST(without_the_directive_there_is_no_registry)
{
    open_all(1 << 20);
    ck_assert_ptr_null(transport_registry(transport));
    close_all();
}
END_TEST

int
main(void)
{
    hash_seed();
    Suite *s = suite_create("memory");
    TCase *c = tcase_create("contract");
    tcase_set_timeout(c, 60);
    tcase_add_test(c, all_workers_hear_one_order_and_every_publish_is_answered);
    tcase_add_test(c, the_ring_is_bounded_and_says_what_is_gone);
    tcase_add_test(c, of_several_updates_with_one_id_the_earliest_is_found);
    tcase_add_test(c, a_worker_that_lags_makes_publishes_wait_and_nothing_is_lost);
    tcase_add_test(c, a_probe_is_answered_and_stat_says_what_is_held);
    tcase_add_test(c, after_refuse_a_publish_is_answered_stopped);
    tcase_add_test(c, a_group_stands_together_and_knows_what_comes_before_it);
    tcase_add_test(c, who_is_there_is_known_before_any_worker_hears_of_it);
    tcase_add_test(c, begins_and_ends_have_a_ring_of_their_own_in_the_one_order);
    tcase_add_test(c, what_is_removed_of_begins_ends_only_who_wants_them);
    tcase_add_test(c, a_begin_behind_which_updates_are_gone_is_unknown);
    tcase_add_test(c, begins_and_ends_grow_old);
    tcase_add_test(c, without_the_directive_there_is_no_registry);
    suite_add_tcase(s, c);
    SRunner *r = srunner_create(s);
    srunner_set_fork_status(r, CK_NOFORK);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
