/* Departures: an end is held back for its time, let go by who is the same, tried until it is
 * committed, and told exactly once. The transport is one of this test's, which commits so many. */

#include "hub/departures.h"

#include "base/alloc.h"
#include "config/config.h"
#include "metrics/metrics.h"
#include "transport/active_update.h"
#include "transport/registry.h"
#include "unit/guard.h"

#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    NEVER_MS = 600000,
    SOON_MS = 150,
    MANY = 600,
};

static struct transport transport;
static struct registry *registry;
static struct config config;
static struct rules rules = {.config = &config};
static struct hub hub = {.transport = &transport};
static struct hub_worker home;
static struct worker *worker;

/* The worker's thread; main looks when it was told to by `done`. */
static void (*script)(void);
static char told[MANY * 2 + 1]; /* the first letter of each matcher whose end was committed */
static size_t told_count, expected, groups, largest_group, underway;
static uint32_t commits_of_next; /* UINT32_MAX: all */
static enum publish_outcome failure;
static uint64_t sequence;
static sem_t done;

static char
letter_of(const struct update *end)
{
    return end->topics[0].text.ptr[strlen("/hub/subscriptions/exact/")];
}

static void
publish(struct transport *t, struct transport_publish *p)
{
    (void)t;
    ck_assert_uint_eq(underway++, 0);
    groups++;
    largest_group = p->count > largest_group ? p->count : largest_group;
    p->committed = p->count < commits_of_next ? p->count : commits_of_next;
    p->outcome = p->committed == p->count ? PUBLISH_COMMITTED : failure;
    commits_of_next = UINT32_MAX;
    for (uint32_t i = 0; i < p->count; i++) {
        ck_assert_int_eq(p->updates[i]->kind, UPDATE_END);
        if (i < p->committed)
            told[told_count++] = letter_of(p->updates[i]);
        update_unref(&p->updates[i]);
    }
    underway = 0;
    if (told_count == expected)
        sem_post(&done);
    worker_post(p->origin, &p->message);
}

static struct registry *
registry_of(struct transport *t)
{
    (void)t;
    return registry;
}

static struct transport_orphans *asked;
static unsigned times_asked;

static void
orphans(struct transport *t, struct transport_orphans *o)
{
    (void)t;
    asked = o;
    times_asked++;
}

static const struct transport_ops ops = {.publish = publish, .registry = registry_of};
static const struct transport_ops shared_ops = {
    .publish = publish, .registry = registry_of, .orphans = orphans};

static struct active *
active(const char *match, const char *who)
{
    const struct active_parts parts = {.dialect = DIALECT_1_0,
                                       .hub = SLICE("/hub"),
                                       .match_type = SLICE("exact"),
                                       .match = slice_of(match),
                                       .subscriber = SLICE("urn:uuid:1"),
                                       .who = slice_of(who)};
    struct active *a = active_new(&parts);
    a->begun = (struct position){.run = 1, .sequence = ++sequence};
    return a;
}

static void
leave(const char *match, const char *who, enum departure_kind kind)
{
    departures_take(home.departures, active(match, who), 0, kind);
}

static void
meet_at(const char *match, const char *who, uint64_t at)
{
    struct active *a = active(match, who);
    struct update *begin = active_update(a, false, SLICE("urn:uuid:2"));
    begin->position = (struct position){.run = 1, .sequence = at};
    departures_meet(home.departures, begin);
    update_unref(&begin);
    active_unref(&a);
}

static void
meet(const char *match, const char *who)
{
    meet_at(match, who, sequence + 1);
}

static void
receive(struct worker *w, struct message *m)
{
    (void)w;
    (void)m;
    script();
}

static void
prepare(uint64_t hold_back_ms, uint64_t hold_back_return_ms)
{
    transport.ops = &ops;
    config =
        (struct config){.hold_back_ms = hold_back_ms, .hold_back_return_ms = hold_back_return_ms};
    worker = worker_new(0);
    home = (struct hub_worker){.hub = &hub, .worker = worker, .rules = &rules};
    home.departures = departures_new(&home);
    memset(told, 0, sizeof told);
    told_count = groups = largest_group = 0;
    commits_of_next = UINT32_MAX;
    atomic_store(&hub.stopping, false);
    sem_init(&done, 0, 0);
}

static void
finish(void)
{
    worker_stop(worker);
    worker_join(worker);
    departures_free(&home.departures);
    ck_assert_uint_eq(metrics_sum(METRIC_subscriptions_held_back), 0);
    worker_free(&worker);
    sem_destroy(&done);
}

static void
await(void)
{
    while (sem_wait(&done) != 0)
        ;
}

/* What was told, in order, once so many ends were. */
static const char *
run(void (*what)(void), size_t count)
{
    static struct message message = {.receive = receive};
    script = what;
    expected = count;
    worker_start(worker);
    worker_post(worker, &message);
    await();
    finish();
    return told;
}

static void
two_leave_and_one_was_ended(void)
{
    leave("a", "", DEPARTURE_RETURN);
    leave("b", "", DEPARTURE_CLOSE);
    leave("c", "", DEPARTURE_CLOSE);
}

START_TEST(each_kind_is_held_back_for_its_own_time)
{
    prepare(SOON_MS, 2 * SOON_MS);
    ck_assert_str_eq(run(two_leave_and_one_was_ended, 3), "bca");
    prepare(2 * SOON_MS, SOON_MS);
    ck_assert_str_eq(run(two_leave_and_one_was_ended, 3), "abc");
}
END_TEST

START_TEST(without_holding_back_an_end_is_told_at_once)
{
    prepare(0, NEVER_MS);
    ck_assert_str_eq(run(two_leave_and_one_was_ended, 2), "bc");
}
END_TEST

static void
alice_comes_back(void)
{
    leave("a", "alice", DEPARTURE_RETURN);
    leave("b", "alice", DEPARTURE_CLOSE);
    leave("b", "bob", DEPARTURE_CLOSE);
    leave("b", "alice", DEPARTURE_RETURN);
    leave("b", "", DEPARTURE_CLOSE);
    leave("c", "alice", DEPARTURE_CLOSE);
    meet("b", "alice"); /* two tabs of hers were closed */
    meet("b", "");      /* nobody */
    meet("d", "alice");
}

START_TEST(a_begin_that_is_the_same_lets_go_of_all_that_are)
{
    prepare(NEVER_MS, NEVER_MS);
    ck_assert_str_eq(run(alice_comes_back, 2), "bb");
    ck_assert_uint_eq(groups, 1);
}
END_TEST

/* The worker takes a batch when its stream is over already. */
static void
alice_meets_her_own_begin(void)
{
    uint64_t before = ++sequence;
    leave("a", "alice", DEPARTURE_CLOSE);
    uint64_t own = sequence;
    leave("b", "alice", DEPARTURE_CLOSE);
    meet_at("a", "alice", own);
    meet_at("a", "alice", before);
    meet("b", "alice");
}

START_TEST(its_own_begin_and_earlier_ones_let_nothing_go)
{
    prepare(NEVER_MS, NEVER_MS);
    ck_assert_str_eq(run(alice_meets_her_own_begin, 1), "b");
}
END_TEST

/* NULL: the transport stops. */
static void
answer(enum orphan_kind kind, const char *match)
{
    asked->kind = kind;
    asked->count = match ? 1 : 0;
    asked->all[0] = match ? active(match, "") : NULL;
    if (match)
        active_is_foreign(asked->all[0]); /* which is no hindrance */
    asked->message.receive(worker, &asked->message);
}

static void
others_end(void)
{
    transport.ops = &shared_ops;
    ck_assert(departures_await_orphans(home.departures));
    answer(ORPHAN_STOPPED, "a");
    answer(ORPHAN_DEAD, "b");
    answer(ORPHAN_BACK, "c");
    answer(ORPHAN_DEAD, NULL);
    ck_assert_uint_eq(times_asked, 4); /* then there is nobody to ask */
}

START_TEST(what_another_hub_leaves_is_held_back_as_it_has_ended)
{
    prepare(SOON_MS, 2 * SOON_MS);
    ck_assert(!departures_await_orphans(home.departures));
    ck_assert_str_eq(run(others_end, 3), "cba");
}
END_TEST

static void
three_leave_and_one_is_committed(void)
{
    leave("a", "alice", DEPARTURE_CLOSE);
    leave("b", "", DEPARTURE_CLOSE);
    leave("c", "alice", DEPARTURE_CLOSE);
    commits_of_next = 1;
    failure = PUBLISH_FAILED;
}

START_TEST(what_fails_is_tried_again_and_told_once)
{
    prepare(0, NEVER_MS);
    ck_assert_str_eq(run(three_leave_and_one_is_committed, 3), "abc");
    ck_assert_uint_eq(groups, 2);
}
END_TEST

static void
many_leave(void)
{
    for (int i = 0; i < MANY; i++)
        leave("m", i % 2 ? "alice" : "", DEPARTURE_CLOSE);
}

START_TEST(many_go_in_groups_one_after_the_other)
{
    prepare(SOON_MS, NEVER_MS);
    uint64_t ended = metrics_sum(METRIC_subscriptions_ended);
    ck_assert_uint_eq(strlen(run(many_leave, MANY)), MANY);
    ck_assert_uint_eq(groups, 3);
    ck_assert_uint_eq(largest_group, 256);
    ck_assert_uint_ge(metrics_sum(METRIC_subscriptions_ended) - ended, MANY - largest_group);
}
END_TEST

/* What is due in a stop stays active, and is the next start's. */
static void
one_leaves_in_a_stop(void)
{
    leave("a", "alice", DEPARTURE_RETURN);
    leave("b", "bob", DEPARTURE_CLOSE);
    meet("a", "alice");
    atomic_store(&hub.stopping, true);
    sem_post(&done);
}

START_TEST(while_the_hub_stops_no_end_is_told)
{
    prepare(0, NEVER_MS);
    ck_assert_str_eq(run(one_leaves_in_a_stop, MANY), "");
    ck_assert_uint_eq(groups, 0);
}
END_TEST

static void
one_of_three_is_taken_over(void)
{
    unsigned standing;
    struct active *a = active("a", "alice");
    leave("b", "", DEPARTURE_CLOSE);
    departures_take(home.departures, active_ref(a), 0, DEPARTURE_CLOSE);
    leave("c", "alice", DEPARTURE_CLOSE);
    ck_assert(active_take_over(a, &standing));
    active_unref(&a);
}

START_TEST(what_was_taken_over_ends_nobody_here)
{
    prepare(SOON_MS, NEVER_MS);
    ck_assert_str_eq(run(one_of_three_is_taken_over, 2), "bc");
}
END_TEST

static void
one_is_taken_over_and_left_again(void)
{
    unsigned standing;
    struct active *a = active("a", "alice");
    departures_take(home.departures, active_ref(a), 0, DEPARTURE_CLOSE);
    ck_assert(active_take_over(a, &standing));
    departures_take(home.departures, active_ref(a), standing, DEPARTURE_RETURN);
    leave("b", "", DEPARTURE_RETURN);
    meet("a", "alice"); /* both are let go, and one is told */
    active_unref(&a);
}

START_TEST(an_end_that_waits_twice_is_told_once_by_the_last_who_had_it)
{
    prepare(NEVER_MS, SOON_MS);
    ck_assert_str_eq(run(one_is_taken_over_and_left_again, 2), "ab");
}
END_TEST

static void
times_become_shorter(void)
{
    leave("a", "", DEPARTURE_RETURN);
    leave("b", "", DEPARTURE_CLOSE);
    config.hold_back_return_ms = SOON_MS;
    departures_retime(home.departures);
}

START_TEST(a_reload_changes_the_times_of_what_is_held_back)
{
    prepare(NEVER_MS, NEVER_MS);
    ck_assert_str_eq(run(times_become_shorter, 1), "a");
}
END_TEST

static void
add_to_registry(enum dialect dialect, const char *match)
{
    const struct active_parts parts = {.dialect = dialect,
                                       .hub = SLICE("/hub"),
                                       .match_type = SLICE("exact"),
                                       .match = slice_of(match),
                                       .subscriber = SLICE("urn:uuid:1")};
    struct active *a = active_new(&parts);
    struct batch *b = batch_new(1);
    ck_assert(registry_reserve(registry, a));
    b->updates[0] = active_update(a, false, SLICE("urn:uuid:2"));
    b->updates[0]->position = b->upto = (struct position){.run = 1, .sequence = ++sequence};
    registry_commit(registry, b);
    batch_unref(&b);
    active_unref(&a);
}

static void
nothing(void)
{
}

START_TEST(what_a_stop_has_left_is_held_back_as_for_a_return)
{
    registry = registry_new(1 << 20);
    add_to_registry(DIALECT_1_0, "a");
    add_to_registry(DIALECT_0X, "b");
    add_to_registry(DIALECT_1_0, "c");
    prepare(NEVER_MS, SOON_MS);
    departures_adopt(home.departures);
    ck_assert_uint_eq(metrics_sum(METRIC_subscriptions_held_back), 3);
    run(nothing, 3);
    ck_assert(strchr(told, 'a') && strchr(told, 'b') && strchr(told, 'c'));
    registry_free(&registry);
}
END_TEST

UNIT_MAIN("hub/departures", each_kind_is_held_back_for_its_own_time,
          without_holding_back_an_end_is_told_at_once,
          a_begin_that_is_the_same_lets_go_of_all_that_are,
          its_own_begin_and_earlier_ones_let_nothing_go,
          what_another_hub_leaves_is_held_back_as_it_has_ended,
          what_fails_is_tried_again_and_told_once, many_go_in_groups_one_after_the_other,
          while_the_hub_stops_no_end_is_told, what_was_taken_over_ends_nobody_here,
          an_end_that_waits_twice_is_told_once_by_the_last_who_had_it,
          a_reload_changes_the_times_of_what_is_held_back,
          what_a_stop_has_left_is_held_back_as_for_a_return)
