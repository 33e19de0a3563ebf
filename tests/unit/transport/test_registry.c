/* The registry: what walks see while commits go on, and what is given back.
 *
 * Threads meet here. */

#include "base/alloc.h"
#include "base/hash.h"
#include "transport/active_update.h"
#include "transport/registry.h"

#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct registry *registry;
static uint64_t sequence;

static void
set_up(void)
{
    hash_seed();
    registry = registry_new(64 << 20);
    sequence = 0;
}

static void
tear_down(void)
{
    registry_free(&registry);
}

static struct active *
make(enum dialect dialect, const char *match, unsigned number)
{
    char subscriber[64];
    snprintf(subscriber, sizeof subscriber, "urn:uuid:%06u", number);
    const struct active_parts parts = {.dialect = dialect,
                                       .hub = SLICE("/hub"),
                                       .match_type =
                                           dialect == DIALECT_1_0 ? SLICE("exact") : SLICE(""),
                                       .match = slice_of(match),
                                       .subscriber = slice_of(subscriber)};
    return active_new(&parts);
}

/* What the committer does. Takes the updates. */
static void
commit(struct update **updates, uint32_t count)
{
    struct batch *b = batch_new(count);
    b->after = (struct position){1, sequence};
    for (uint32_t i = 0; i < count; i++) {
        updates[i]->position = (struct position){1, ++sequence};
        b->updates[i] = updates[i];
    }
    b->upto = (struct position){1, sequence};
    registry_commit(registry, b);
    batch_unref(&b);
}

static void
begin(struct active *a)
{
    char id[32];
    snprintf(id, sizeof id, "id-%llu", (unsigned long long)sequence + 1);
    struct update *u = active_update(a, false, slice_of(id));
    ck_assert(registry_reserve(registry, a));
    commit(&u, 1);
}

static void
end(struct active *a)
{
    char id[32];
    snprintf(id, sizeof id, "id-%llu", (unsigned long long)sequence + 1);
    struct update *u = active_update(a, true, slice_of(id));
    commit(&u, 1);
}

static struct active *
begin_new(enum dialect dialect, const char *match, unsigned number)
{
    struct active *a = make(dialect, match, number), *borrowed = a;
    begin(a);
    active_unref(&a); /* the registry has it */
    return borrowed;
}

/* What its last six digits say. */
static unsigned
number_of(struct slice id)
{
    char digits[7] = "";
    memcpy(digits, id.ptr + id.len - 6, 6);
    return (unsigned)strtoul(digits, NULL, 10);
}

/* Numbers of the subscribers, as the walk gives them. */
static size_t
walk_on(struct registry_walk *w, unsigned *numbers, size_t room, size_t piece)
{
    struct active *into[16];
    size_t n = 0, got;
    ck_assert_uint_le(piece, COUNT_OF(into));
    while ((got = registry_walk_next(w, into, piece)) > 0)
        for (size_t i = 0; i < got; i++) {
            ck_assert_uint_lt(n, room);
            numbers[n++] = number_of(into[i]->id);
            active_unref(&into[i]);
        }
    return n;
}

static size_t
walk(enum dialect dialect, const char *collection, unsigned *numbers, size_t room)
{
    struct registry_walk w;
    struct buf id;
    buf_init(&id, 1000);
    registry_walk_begin(registry, &w, dialect, slice_of(collection), &id);
    size_t n = walk_on(&w, numbers, room, 3);
    buf_fini(&id);
    registry_walk_end(&w);
    return n;
}

START_TEST(collections_are_apart_and_in_the_order_of_begins)
{
    unsigned numbers[100];
    for (unsigned i = 0; i < 30; i++)
        begin_new(i % 3 ? DIALECT_1_0 : DIALECT_0X, i % 2 ? "a" : "b", i);
    ck_assert_uint_eq(registry_count(registry), 30);
    ck_assert_uint_eq(walk(DIALECT_1_0, "", numbers, 100), 20);
    for (unsigned i = 1; i < 20; i++)
        ck_assert_uint_lt(numbers[i - 1], numbers[i]);
    size_t n = walk(DIALECT_1_0, "/hub/subscriptions/exact/a", numbers, 100);
    ck_assert_uint_eq(n, 10);
    for (unsigned i = 0; i < n; i++)
        ck_assert(numbers[i] % 2 && numbers[i] % 3 && (i == 0 || numbers[i - 1] < numbers[i]));
    ck_assert_uint_eq(walk(DIALECT_0X, "/hub/subscriptions/b", numbers, 100), 5);
    ck_assert_uint_eq(walk(DIALECT_0X, "/hub/subscriptions/exact/a", numbers, 100), 0);
    ck_assert_uint_eq(walk(DIALECT_1_0, "/hub/subscriptions/b", numbers, 100), 0);
    ck_assert_uint_eq(walk(DIALECT_1_0, "/hub/subscriptions/exact/nobody", numbers, 100), 0);
}
END_TEST

START_TEST(a_walk_sees_neither_begins_nor_ends_behind_it)
{
    unsigned numbers[100];
    struct active *all[20];
    struct registry_walk w;
    struct buf id;
    buf_init(&id, 1000);
    for (unsigned i = 0; i < 10; i++)
        all[i] = begin_new(DIALECT_1_0, "a", i);
    end(all[3]);
    registry_walk_begin(registry, &w, DIALECT_1_0, SLICE("/hub/subscriptions/exact/a"), &id);
    ck_assert(slice_eq(buf_slice(&id), SLICE("id-11")));
    ck_assert_int_eq(position_cmp(w.at, (struct position){1, 11}), 0);
    struct active *first;
    ck_assert_uint_eq(registry_walk_next(&w, &first, 1), 1);
    ck_assert_ptr_eq(first, all[0]);
    active_unref(&first);
    /* The one it stands on, the first of the collection, and the last. */
    end(all[1]);
    end(all[0]);
    end(all[9]);
    for (unsigned i = 10; i < 20; i++)
        all[i] = begin_new(DIALECT_1_0, "a", i);
    end(all[12]);
    ck_assert_uint_eq(registry_count(registry), 15);
    ck_assert_uint_eq(walk_on(&w, numbers, 100, 2), 8);
    unsigned want[] = {1, 2, 4, 5, 6, 7, 8, 9};
    ck_assert_mem_eq(numbers, want, sizeof want);
    ck_assert_uint_eq(walk(DIALECT_1_0, "", numbers, 100), 15);
    unsigned now[] = {2, 4, 5, 6, 7, 8, 10, 11, 13, 14, 15, 16, 17, 18, 19};
    ck_assert_mem_eq(numbers, now, sizeof now);
    registry_walk_end(&w);
    buf_fini(&id);
}
END_TEST

START_TEST(one_is_found_while_it_is_active_and_says_as_of_what)
{
    struct buf id;
    buf_init(&id, 1000);
    ck_assert_ptr_null(registry_find(registry, DIALECT_1_0, SLICE("/x"), &id));
    ck_assert_uint_eq(id.len, 0); /* nothing was ever committed */
    struct active *a = make(DIALECT_1_0, "a", 1);
    begin(a);
    struct active *found = registry_find(registry, DIALECT_1_0, a->id, &id);
    ck_assert_ptr_eq(found, a);
    ck_assert(slice_eq(buf_slice(&id), SLICE("id-1")));
    active_unref(&found);
    ck_assert_ptr_null(registry_find(registry, DIALECT_0X, a->id, &id));
    end(a);
    buf_clear(&id);
    ck_assert_ptr_null(registry_find(registry, DIALECT_1_0, a->id, &id));
    ck_assert(slice_eq(buf_slice(&id), SLICE("id-2")));
    end(a); /* once more is none */
    ck_assert_uint_eq(registry_count(registry), 0);
    active_unref(&a);
    buf_fini(&id);
}
END_TEST

START_TEST(room_is_given_back_when_the_end_is_committed)
{
    struct active *a = make(DIALECT_1_0, "a", 1), *b = make(DIALECT_1_0, "a", 2);
    registry_free(&registry);
    registry = registry_new(active_size(a));
    begin(a);
    ck_assert(!registry_reserve(registry, b));
    end(a);
    ck_assert(registry_reserve(registry, b));
    ck_assert(!registry_reserve(registry, a));
    registry_release(registry, b); /* its begin failed */
    ck_assert(registry_reserve(registry, a));
    active_unref(&a);
    active_unref(&b);
}
END_TEST

START_TEST(what_a_history_may_forget_is_what_no_active_one_stands_on)
{
    struct position floor;
    struct active *into[8];
    ck_assert(!registry_floor(registry, &floor));
    struct active *all[4];
    for (unsigned i = 0; i < 4; i++)
        all[i] = begin_new(DIALECT_1_0, "a", i);
    ck_assert(registry_floor(registry, &floor));
    ck_assert_uint_eq(floor.sequence, 1);
    end(all[0]);
    ck_assert(registry_floor(registry, &floor));
    ck_assert_uint_eq(floor.sequence, 2);
    ck_assert_uint_eq(registry_recorded_before(registry, (struct position){1, 3}, into, 8), 2);
    ck_assert_ptr_eq(into[0], all[1]);
    ck_assert_ptr_eq(into[1], all[2]);
    registry_recorded(registry, into[0], (struct position){1, 50});
    registry_recorded(registry, into[1], (struct position){1, 51});
    active_unref(&into[0]);
    active_unref(&into[1]);
    ck_assert(registry_floor(registry, &floor));
    ck_assert_uint_eq(floor.sequence, 4);
    ck_assert_uint_eq(registry_recorded_before(registry, (struct position){1, 100}, into, 2), 2);
    ck_assert_ptr_eq(into[0], all[3]);
    ck_assert_ptr_eq(into[1], all[1]);
    active_unref(&into[0]);
    active_unref(&into[1]);
}
END_TEST

/* A begin or an end as a history gives it back. */
static void
restore(struct active *a, bool is_end, uint64_t at)
{
    struct update *u = active_update(a, is_end, SLICE("x"));
    active_unref(&u->active);
    u->position = (struct position){1, at};
    registry_restore(registry, u);
    update_unref(&u);
}

START_TEST(a_start_takes_what_the_history_says)
{
    struct active *a = make(DIALECT_1_0, "a", 1), *b = make(DIALECT_0X, "a", 2);
    struct active *gone = make(DIALECT_1_0, "a", 3);
    struct position floor;
    struct buf id;
    unsigned numbers[4];
    buf_init(&id, 1000);
    restore(a, false, 1);
    restore(gone, false, 2);
    restore(b, false, 3);
    restore(gone, true, 4);
    restore(gone, true, 5); /* of one that is not known */
    restore(a, false, 6);   /* it was written again */
    registry_start_at(registry, (struct position){1, 9}, SLICE("last"));
    ck_assert_uint_eq(registry_count(registry), 2);
    ck_assert(registry_floor(registry, &floor));
    ck_assert_uint_eq(floor.sequence, 3);
    struct active *found = registry_find(registry, DIALECT_1_0, a->id, &id);
    ck_assert_ptr_nonnull(found);
    ck_assert(slice_eq(found->json, a->json));
    ck_assert(slice_eq(buf_slice(&id), SLICE("last")));
    ck_assert_uint_eq(walk(DIALECT_0X, "", numbers, 4), 1);
    sequence = 9;
    end(found);
    ck_assert_uint_eq(registry_count(registry), 1);
    active_unref(&found);
    active_unref(&a);
    active_unref(&b);
    active_unref(&gone);
    buf_fini(&id);
}
END_TEST

/* A begin or an end as another hub's comes by: what it is of is known by its topic alone. */
static void
hear(struct active *a, bool is_end)
{
    struct update *u = active_update(a, is_end, SLICE("x"));
    active_unref(&u->active);
    if (!is_end) {
        u->active = active_update_read(u);
        registry_admit(registry, u->active);
    }
    commit(&u, 1);
}

START_TEST(what_another_hub_begins_or_ends_is_known_by_its_topic)
{
    struct active *a = make(DIALECT_1_0, "a", 1), *own = make(DIALECT_1_0, "a", 2);
    registry_free(&registry);
    registry = registry_new(2 * active_size(a));
    hear(a, false);
    hear(a, true);
    hear(a, true); /* two wrote it: the second is none */
    ck_assert_uint_eq(registry_count(registry), 0);
    begin(own);
    hear(own, true);
    ck_assert_uint_eq(registry_count(registry), 0);
    hear(a, false);
    hear(own, false); /* all the room there is: it was given back */
    ck_assert(!registry_reserve(registry, own));
    ck_assert_uint_eq(registry_count(registry), 2);
    hear(a, false); /* twice is once, and takes no room */
    hear(a, true);
    ck_assert(registry_reserve(registry, a));
    active_unref(&a);
    active_unref(&own);
}
END_TEST

START_TEST(one_that_has_ended_may_begin_again_while_a_walk_still_sees_it)
{
    unsigned numbers[4];
    struct registry_walk w;
    struct buf id;
    struct active *a = make(DIALECT_1_0, "a", 1), *b = make(DIALECT_1_0, "a", 2);
    buf_init(&id, 1000);
    hear(a, false);
    hear(b, false);
    registry_walk_begin(registry, &w, DIALECT_1_0, SLICE(""), &id);
    hear(a, true);
    hear(a, false);
    ck_assert_uint_eq(walk_on(&w, numbers, 4, 1), 2);
    unsigned want[] = {1, 2}, now[] = {2, 1};
    ck_assert_mem_eq(numbers, want, sizeof want);
    registry_walk_end(&w);
    ck_assert_uint_eq(walk(DIALECT_1_0, "/hub/subscriptions/exact/a", numbers, 4), 2);
    ck_assert_mem_eq(numbers, now, sizeof now);
    struct active *found = registry_find(registry, DIALECT_1_0, a->id, &id);
    ck_assert_uint_eq(found->begun.sequence, 4);
    active_unref(&found);
    hear(a, true);
    ck_assert_uint_eq(walk(DIALECT_1_0, "", numbers, 4), 1);
    active_unref(&a);
    active_unref(&b);
    buf_fini(&id);
}
END_TEST

START_TEST(what_another_says_of_who_is_active_replaces_what_was_known)
{
    unsigned numbers[8];
    struct active *known[3], *told[3];
    struct buf id;
    buf_init(&id, 1000);
    for (unsigned i = 0; i < 3; i++)
        known[i] = begin_new(i == 2 ? DIALECT_0X : DIALECT_1_0, "a", i);
    /* The first has ended, the second is still there, the third has ended and begun again. */
    told[0] = make(DIALECT_1_0, "a", 1);
    told[0]->begun = (struct position){1, 2};
    told[1] = make(DIALECT_0X, "a", 2);
    told[1]->begun = (struct position){1, 20};
    told[2] = make(DIALECT_1_0, "a", 7);
    told[2]->begun = (struct position){1, 30};
    registry_replace(registry, told, 3, (struct position){1, 40}, SLICE("there"));
    ck_assert_uint_eq(registry_count(registry), 3);
    ck_assert_uint_eq(walk(DIALECT_1_0, "", numbers, 8), 2);
    unsigned want[] = {1, 7};
    ck_assert_mem_eq(numbers, want, sizeof want);
    struct active *found = registry_find(registry, DIALECT_1_0, known[1]->id, &id);
    ck_assert_ptr_eq(found, known[1]);
    ck_assert(slice_eq(buf_slice(&id), SLICE("there")));
    active_unref(&found);
    found =
        registry_find(registry, DIALECT_0X, SLICE("/hub/subscriptions/a/urn%3Auuid%3A000002"), &id);
    ck_assert_uint_eq(found->begun.sequence, 20);
    active_unref(&found);
    registry_replace(registry, NULL, 0, (struct position){2, 1}, SLICE("empty"));
    ck_assert_uint_eq(registry_count(registry), 0);
    ck_assert_uint_eq(walk(DIALECT_1_0, "", numbers, 8), 0);
    buf_fini(&id);
}
END_TEST

/* --- walks beside commits -----------------------------------------------------------------------
 */

enum {
    COMMITS = 3000,
    ALIVE = 200, /* at once, in pairs that begin and end together */
};

static atomic_bool committing;

/* Pairs begin in one batch and end in one batch: every position has whole pairs. */
static void *
walker(void *arg)
{
    unsigned n = 0, *numbers = xalloc(2 * ALIVE * sizeof *numbers);
    size_t *walks = arg;
    while (atomic_load(&committing) || *walks == 0) {
        bool whole = ++*walks % 2;
        n = (unsigned)walk(DIALECT_1_0, whole ? "" : "/hub/subscriptions/exact/a", numbers,
                           2 * ALIVE);
        ck_assert_uint_eq(n % 2, 0);
        for (unsigned i = 0; i < n; i += 2)
            ck_assert_uint_eq(numbers[i] + 1, numbers[i + 1]);
    }
    free(numbers);
    return NULL;
}

static void
commit_pair(struct active **pair, bool is_end)
{
    struct update *updates[2];
    for (int i = 0; i < 2; i++) {
        if (!is_end)
            ck_assert(registry_reserve(registry, pair[i]));
        updates[i] = active_update(pair[i], is_end, SLICE("x"));
    }
    commit(updates, 2);
}

START_TEST(walks_beside_commits_see_whole_commits)
{
    static struct active *pairs[ALIVE / 2][2];
    pthread_t threads[3];
    size_t walks[3] = {0};
    memset(pairs, 0, sizeof pairs);
    atomic_store(&committing, true);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, walker, &walks[i]), 0);
    for (unsigned i = 0; i < COMMITS; i++) {
        struct active **pair = pairs[(i * 7919) % (ALIVE / 2)];
        if (pair[0])
            commit_pair(pair, true);
        for (unsigned j = 0; j < 2; j++) {
            active_unref(&pair[j]);
            pair[j] = make(DIALECT_1_0, "a", 2 * i + j);
        }
        commit_pair(pair, false);
    }
    atomic_store(&committing, false);
    for (int i = 0; i < 3; i++) {
        pthread_join(threads[i], NULL);
        ck_assert_uint_gt(walks[i], 0);
    }
    ck_assert_uint_eq(registry_count(registry), ALIVE);
    for (unsigned i = 0; i < ALIVE / 2; i++)
        for (unsigned j = 0; j < 2; j++)
            active_unref(&pairs[i][j]);
}
END_TEST

START_TEST(one_batch_may_hold_thousands)
{
    enum {
        MANY = 4096
    };
    static struct active *all[MANY];
    static struct update *updates[MANY];
    unsigned *numbers = xalloc(MANY * sizeof *numbers);
    for (int is_end = 0; is_end < 2; is_end++) {
        for (unsigned i = 0; i < MANY; i++) {
            if (!is_end) {
                all[i] = make(DIALECT_1_0, "a", i);
                ck_assert(registry_reserve(registry, all[i]));
            }
            updates[i] = active_update(all[i], is_end, SLICE("x"));
        }
        commit(updates, MANY);
        ck_assert_uint_eq(walk(DIALECT_1_0, "", numbers, MANY), is_end ? 0 : MANY);
    }
    for (unsigned i = 0; i < MANY; i++) {
        ck_assert_uint_eq(atomic_load(&all[i]->refs), 1); /* the registry let them go */
        active_unref(&all[i]);
    }
    free(numbers);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("registry");
    TCase *c = tcase_create("versions");
    tcase_set_timeout(c, 120);
    tcase_add_checked_fixture(c, set_up, tear_down);
    tcase_add_test(c, collections_are_apart_and_in_the_order_of_begins);
    tcase_add_test(c, a_walk_sees_neither_begins_nor_ends_behind_it);
    tcase_add_test(c, one_is_found_while_it_is_active_and_says_as_of_what);
    tcase_add_test(c, room_is_given_back_when_the_end_is_committed);
    tcase_add_test(c, what_a_history_may_forget_is_what_no_active_one_stands_on);
    tcase_add_test(c, a_start_takes_what_the_history_says);
    tcase_add_test(c, what_another_hub_begins_or_ends_is_known_by_its_topic);
    tcase_add_test(c, one_that_has_ended_may_begin_again_while_a_walk_still_sees_it);
    tcase_add_test(c, what_another_says_of_who_is_active_replaces_what_was_known);
    tcase_add_test(c, walks_beside_commits_see_whole_commits);
    tcase_add_test(c, one_batch_may_hold_thousands);
    suite_add_tcase(s, c);
    SRunner *r = srunner_create(s);
    srunner_set_fork_status(r, CK_NOFORK);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
