/* Two stores as one history: one order, one outcome, and what a start makes of what was active. */

#include "base/clock.h"
#include "base/hash.h"
#include "transport/active_update.h"
#include "transport/disk/joint_reader.h"
#include "transport/disk/joint_writer.h"
#include "unit/guard.h"
#include "unit/transport/disk/ends.h"
#include "unit/transport/disk/history.h"

static struct joint *joint;

/* All that was ever committed, in its order. */
struct shown {
    struct position position;
    char id[24];
    bool is_published;
};
static struct shown shown[20000];
static size_t shown_count;
static unsigned ids;

static struct transport_settings
settings(void)
{
    hash_seed();
    return (struct transport_settings){.path = history_settings().path,
                                       .tail_bytes = 1 << 20,
                                       .max_events = 1000000,
                                       .max_bytes = 4 << 20,
                                       .max_age_ms = 86400000,
                                       .subscriptions = true,
                                       .subscriptions_max_bytes = 4 << 20,
                                       .subscriptions_max_age_ms = 86400000};
}

static void
open_joint(const struct transport_settings *s)
{
    struct error err = {""};
    joint = joint_open(s, &err);
    ck_assert_msg(joint != NULL, "%s", err.text);
    ck_assert_int_eq(position_cmp(joint->last, joint->committed), 0);
}

/* Without a word: as a kill leaves it. */
static void
kill_joint(void)
{
    joint_close(&joint);
}

static struct active *
make_active(unsigned number)
{
    char subscriber[64];
    snprintf(subscriber, sizeof subscriber, "urn:uuid:%06u", number);
    const struct active_parts parts = {.dialect = DIALECT_1_0,
                                       .hub = SLICE("/hub"),
                                       .match_type = SLICE("exact"),
                                       .match = SLICE("a"),
                                       .subscriber = slice_of(subscriber),
                                       .payload = SLICE("{\"n\":1}"),
                                       .who = slice_of(subscriber)};
    return active_new(&parts);
}

static struct update *
next_update(struct active *a, bool is_end, size_t size)
{
    char id[24];
    snprintf(id, sizeof id, "id-%u", ids++);
    return a ? active_update(a, is_end, slice_of(id)) : make_update(id, 1, size);
}

/* Takes them. False: what was not confirmed. */
static bool
commit(struct update **updates, uint32_t count)
{
    bool ok = true;
    for (uint32_t at = 0, n; ok && at < count; at += n) {
        struct position before = joint->last;
        struct batch *b;
        ok = joint_commit(joint, updates + at, count - at, &b, &n) == WRITER_READY;
        ck_assert_int_eq(ok, b != NULL);
        if (!ok)
            break;
        ck_assert_uint_eq(b->count, n);
        ck_assert_int_eq(position_cmp(b->after, before), 0);
        ck_assert_int_eq(position_cmp(b->upto, joint->committed), 0);
        for (uint32_t i = 0; i < n; i++) {
            struct shown *s = &shown[shown_count++];
            s->position = b->updates[i]->position;
            s->is_published = b->updates[i]->kind == UPDATE_PUBLISHED;
            snprintf(s->id, sizeof s->id, SLICE_FMT, SLICE_ARG(b->updates[i]->id));
            ck_assert_int_gt(position_cmp(s->position, before), 0);
            before = s->position;
        }
        batch_unref(&b);
    }
    for (uint32_t i = 0; i < count; i++)
        update_unref(&updates[i]);
    return ok;
}

static void
publish(size_t size)
{
    struct update *u = next_update(NULL, false, size);
    ck_assert(commit(&u, 1));
}

static bool
try_begin(struct active *a)
{
    struct update *u = next_update(a, false, 0);
    ck_assert(registry_reserve(joint->registry, a));
    return commit(&u, 1);
}

static bool
try_end(struct active *a)
{
    struct update *u = next_update(a, true, 0);
    return commit(&u, 1);
}

/* One comes and goes. */
static void
churn(unsigned number)
{
    struct active *a = make_active(number);
    ck_assert(try_begin(a) && try_end(a));
    active_unref(&a);
}

static void
keep(void)
{
    for (int i = 0; i < 10000 && joint_keep(joint) == 0; i++)
        ;
}

static struct transport_read
read_at(enum read_scope scope, const struct position *after, const struct transport_told *told)
{
    struct transport_read r = {.scope = scope, .from_removed = after == NULL};
    if (after)
        r.after = *after;
    if (told)
        r.told = *told;
    joint_read(joint, &r);
    return r;
}

/* Reads to the end: it is what was shown behind `after`, without those that `left_out` says.
 * Returns how many; -1: gone. */
static int
read_all(enum read_scope scope, const struct position *after)
{
    struct transport_read r = read_at(scope, after, NULL);
    struct position at = r.after;
    size_t next = 0;
    int count = 0;
    while (!r.gone && r.piece) {
        struct transport_told told = r.told;
        for (uint32_t i = batch_index_after(r.piece, at); i < r.piece->count; i++, count++) {
            const struct update *u = r.piece->updates[i];
            while (next < shown_count && position_cmp(shown[next].position, u->position) < 0) {
                bool is_behind = position_cmp(shown[next].position, at) > 0;
                bool may_lack = shown[next].is_published
                                    ? position_cmp(shown[next].position, told.published) <= 0
                                    : scope == READ_PUBLISHED ||
                                          position_cmp(shown[next].position, told.active) <= 0;
                ck_assert_msg(!is_behind || may_lack, "%s is missing", shown[next].id);
                next++;
            }
            ck_assert_uint_lt(next, shown_count);
            ck_assert(slice_eq(u->id, slice_of(shown[next].id)));
            at = u->position;
            next++;
        }
        ck_assert_int_le(position_cmp(r.piece->upto, joint->committed), 0);
        if (position_cmp(at, r.piece->upto) < 0)
            at = r.piece->upto;
        batch_unref(&r.piece);
        r = read_at(scope, &at, &told);
    }
    for (; !r.gone && next < shown_count; next++)
        ck_assert(position_cmp(shown[next].position, at) <= 0 ||
                  (scope == READ_PUBLISHED && !shown[next].is_published));
    return r.gone ? -1 : count;
}

static struct transport_find
find(const char *id)
{
    struct transport_find f = {.id = slice_of(id)};
    joint_find(joint, &f);
    ck_assert(!f.failed);
    return f;
}

static int
published_behind(size_t number)
{
    int n = 0;
    for (size_t i = number + 1; i < shown_count; i++)
        n += shown[i].is_published;
    return n;
}

START_TEST(pieces_of_both_stores_come_in_one_order)
{
    struct transport_settings s = settings();
    struct update *group[40];
    struct active *a = make_active(1);
    open_joint(&s);
    srand(7);
    for (unsigned i = 0; i < 60; i++) {
        uint32_t count = 1 + (unsigned)rand() % COUNT_OF(group);
        int kind = rand() % 4; /* published alone, or begins alone, or mixed */
        for (uint32_t j = 0; j < count; j++) {
            bool published = kind == 0 || (kind > 1 && rand() % 2);
            group[j] = next_update(published ? NULL : a, false, (size_t)(rand() % 3000));
        }
        ck_assert(commit(group, count));
    }
    for (int again = 0; again < 2; again++) {
        ck_assert_int_eq(read_all(READ_ALL, NULL), (int)shown_count);
        for (size_t i = 0; i < shown_count; i += 29) {
            ck_assert_int_eq(read_all(READ_ALL, &shown[i].position), (int)(shown_count - 1 - i));
            ck_assert_int_eq(read_all(READ_PUBLISHED, &shown[i].position), published_behind(i));
            struct transport_find f = find(shown[i].id);
            ck_assert(f.found && !f.is_lacking);
            ck_assert_int_eq(position_cmp(f.position, shown[i].position), 0);
        }
        ck_assert(!find("nobody").found);
        joint_stop(joint);
        kill_joint();
        open_joint(&s);
        keep();
    }
    kill_joint();
    active_unref(&a);
    history_remove();
}
END_TEST

START_TEST(where_the_second_store_has_nothing_the_piece_is_the_first_s_own)
{
    struct transport_settings s = settings();
    open_joint(&s);
    for (int i = 0; i < 100; i++)
        publish(100);
    struct position begin = {0};
    struct transport_read all = read_at(READ_ALL, &begin, NULL);
    struct transport_read published = read_at(READ_PUBLISHED, &begin, NULL);
    ck_assert_ptr_nonnull(all.piece);
    ck_assert_ptr_eq(all.piece, published.piece);
    batch_unref(&all.piece);
    batch_unref(&published.piece);
    kill_joint();
    history_remove();
}
END_TEST

START_TEST(retention_of_begins_takes_nothing_that_is_published)
{
    struct transport_settings s = settings();
    s.subscriptions_max_bytes = 1 << 20;
    open_joint(&s);
    publish(10);
    const struct shown first = shown[0];
    for (unsigned i = 0; i < 3000; i++) {
        churn(i);
        if (i % 100 == 0) {
            publish(10);
            keep();
        }
    }
    struct transport_find f = find(first.id);
    ck_assert(f.found && f.is_lacking);
    ck_assert(!find(shown[1].id).found); /* a begin that was removed */
    f = find(shown[shown_count - 1].id);
    ck_assert(f.found && !f.is_lacking);

    ck_assert_int_eq(read_all(READ_PUBLISHED, &first.position), published_behind(0));
    ck_assert_int_eq(read_all(READ_ALL, &first.position), -1);
    int left = read_all(READ_ALL_THAT_IS_THERE, &first.position);
    ck_assert_int_gt(left, published_behind(0) + 500);
    ck_assert_int_eq(read_all(READ_ALL, NULL), left + 1);

    /* What is taken after it was told is not passed over in silence. */
    struct transport_read r = read_at(READ_ALL_THAT_IS_THERE, &first.position, NULL);
    ck_assert(r.told.is_set && r.piece);
    batch_unref(&r.piece);
    for (unsigned i = 0; i < 500; i++)
        churn(i);
    keep();
    r = read_at(READ_ALL_THAT_IS_THERE, &first.position, &r.told);
    ck_assert(r.gone);
    ck_assert_ptr_null(r.piece);
    kill_joint();
    history_remove();
}
END_TEST

START_TEST(retention_of_what_is_published_takes_no_begins)
{
    struct transport_settings s = settings();
    struct active *a = make_active(1);
    s.max_events = 160;
    open_joint(&s);
    ck_assert(try_begin(a)); /* id-0 */
    for (int i = 0; i < 1000; i++)
        publish(10);
    keep();
    ck_assert(try_end(a));
    /* Behind it published ones are gone: it is as unknown as they are. */
    ck_assert(!find("id-0").found);
    ck_assert_int_eq(read_all(READ_ALL, &shown[0].position), -1);
    struct transport_read r = read_at(READ_ALL, NULL, NULL);
    ck_assert(!r.gone && r.piece);
    ck_assert(slice_eq(r.piece->updates[0]->id, SLICE("id-0")));
    batch_unref(&r.piece);
    int count = read_all(READ_ALL, NULL);
    ck_assert_int_ge(count, 2 + 100);
    ck_assert_int_le(count, 2 + 160);
    kill_joint();
    active_unref(&a);
    history_remove();
}
END_TEST

START_TEST(of_two_with_one_id_in_both_stores_the_earlier_is_found)
{
    struct transport_settings s = settings();
    struct active *a = make_active(1);
    open_joint(&s);
    struct update *first = active_update(a, false, SLICE("twice"));
    struct update *second = make_update("twice", 1, 10);
    struct update *third = make_update("other", 1, 10),
                  *fourth = active_update(a, true, SLICE("other"));
    struct update *all[] = {first, second, third, fourth};
    ck_assert(registry_reserve(joint->registry, a));
    ck_assert(commit(all, 4));
    ck_assert_int_eq(position_cmp(find("twice").position, shown[0].position), 0);
    ck_assert_int_eq(position_cmp(find("other").position, shown[2].position), 0);
    kill_joint();
    active_unref(&a);
    history_remove();
}
END_TEST

/* How often each of the first `count` has ended, as a reader sees it. */
static void
count_ends(unsigned *ends, unsigned count)
{
    struct transport_read r = read_at(READ_ALL, NULL, NULL);
    struct position at = r.after;
    memset(ends, 0, count * sizeof *ends);
    while (r.piece) {
        struct transport_told told = r.told;
        for (uint32_t i = batch_index_after(r.piece, at); i < r.piece->count; i++) {
            const struct update *u = r.piece->updates[i];
            struct slice topic = u->topics[0].text;
            uint64_t number;
            if (u->kind != UPDATE_END)
                continue;
            ck_assert_int_lt(slice_find(u->event, SLICE("\"active\":false")), u->event.len);
            ck_assert(slice_u64(slice_from(topic, topic.len - 6), UINT64_MAX, &number));
            if (number < count)
                ends[number]++;
        }
        at = r.piece->upto;
        batch_unref(&r.piece);
        r = read_at(READ_ALL, &at, &told);
        ck_assert(!r.gone);
    }
}

enum {
    LASTING = 300
};

static void
begin_lasting(struct active **lasting)
{
    for (unsigned i = 0; i < LASTING; i++) {
        lasting[i] = make_active(i);
        ck_assert(try_begin(lasting[i]));
    }
}

static void
forget_lasting(struct active **lasting)
{
    for (unsigned i = 0; i < LASTING; i++)
        active_unref(&lasting[i]);
}

/* So much that all of the second store was written over several times. */
static void
wear_out(void)
{
    for (unsigned i = 0; i < 8000; i++) {
        churn(1000 + i % 1000);
        if (i % 50 == 0)
            keep();
    }
}

START_TEST(what_lasts_is_known_after_a_kill_and_ended_once)
{
    struct transport_settings s = settings();
    struct active *lasting[LASTING];
    unsigned ends[LASTING];
    s.subscriptions_max_bytes = 1 << 20;
    open_joint(&s);
    begin_lasting(lasting);
    wear_out();
    ck_assert(!find(shown[0].id).found);
    ck_assert_uint_eq(registry_count(joint->registry), LASTING);
    ck_assert_uint_le(joint->active->segments.used, 1 << 20);
    struct position before = joint->last;
    kill_joint();
    open_joint(&s);
    ck_assert_uint_eq(registry_count(joint->registry), LASTING);
    end_all(joint);
    ck_assert_uint_eq(registry_count(joint->registry), 0);
    ck_assert_int_gt(position_cmp(joint->last, before), 0);
    for (int again = 0; again < 2; again++) {
        count_ends(ends, LASTING);
        for (unsigned i = 0; i < LASTING; i++)
            ck_assert_uint_eq(ends[i], 1);
        kill_joint();
        open_joint(&s);
        ck_assert_uint_eq(registry_count(joint->registry), 0);
        end_all(joint);
    }
    kill_joint();
    forget_lasting(lasting);
    history_remove();
}
END_TEST

START_TEST(at_the_bound_of_what_is_active_there_is_always_room_for_ends)
{
    enum {
        MOST = 2000
    };
    static struct active *there[MOST];
    struct transport_settings s = settings();
    unsigned count = 0, number = 0;
    s.subscriptions_max_bytes = 1 << 20;
    open_joint(&s);
    for (;;) {
        struct active *a = make_active(number++);
        struct update *u = next_update(a, false, 0);
        if (!registry_reserve(joint->registry, a)) {
            active_unref(&a);
            update_unref(&u);
            break;
        }
        ck_assert_uint_lt(count, MOST);
        there[count++] = a;
        ck_assert(commit(&u, 1));
    }
    ck_assert_uint_gt(count, 500);
    for (unsigned i = 0; i < 6000; i++) { /* one goes, one comes */
        struct active **place = &there[(i * 7919u) % count];
        ck_assert(try_end(*place));
        active_unref(place);
        *place = make_active(number++);
        ck_assert(try_begin(*place));
        if (i % 20 == 0)
            keep();
        ck_assert_uint_le(joint->active->segments.used, 1 << 20);
    }
    kill_joint();
    open_joint(&s);
    ck_assert_uint_eq(registry_count(joint->registry), count);
    end_all(joint);
    ck_assert_uint_eq(registry_count(joint->registry), 0);
    kill_joint();
    for (unsigned i = 0; i < count; i++)
        active_unref(&there[i]);
    history_remove();
}
END_TEST

START_TEST(what_was_active_is_there_again_after_a_stop_and_after_a_kill)
{
    struct transport_settings s = settings();
    struct active *lasting[LASTING], *late = make_active(LASTING);
    struct buf id;
    buf_init(&id, 100);
    open_joint(&s);
    begin_lasting(lasting);
    ck_assert(try_end(lasting[7]));
    publish(10);
    joint_stop(joint);
    for (int again = 0; again < 2; again++) { /* a kill before anything came changes nothing */
        struct position last = joint->last;
        kill_joint();
        open_joint(&s);
        ck_assert_uint_eq(registry_count(joint->registry), LASTING - 1);
        buf_clear(&id);
        struct active *a = registry_find(joint->registry, DIALECT_1_0, lasting[3]->id, &id);
        ck_assert_ptr_nonnull(a);
        ck_assert_uint_eq(a->same, lasting[3]->same);
        ck_assert(slice_eq(a->json, lasting[3]->json));
        ck_assert_msg(slice_eq(buf_slice(&id), slice_of(shown[shown_count - 1].id)),
                      "again %d: " SLICE_FMT, again, SLICE_ARG(buf_slice(&id)));
        ck_assert_int_ge(position_cmp(joint->last, last), 0); /* the stop has a position */
        active_unref(&a);
    }
    ck_assert(try_begin(late));
    kill_joint();
    open_joint(&s);
    ck_assert_uint_eq(registry_count(joint->registry), LASTING);
    end_all(joint);
    ck_assert_uint_eq(registry_count(joint->registry), 0);
    unsigned ends[LASTING + 1];
    count_ends(ends, LASTING + 1);
    for (unsigned i = 0; i <= LASTING; i++)
        ck_assert_uint_eq(ends[i], 1);
    kill_joint();
    forget_lasting(lasting);
    active_unref(&late);
    buf_fini(&id);
    history_remove();
}
END_TEST

START_TEST(an_end_gives_the_room_back_that_a_start_took)
{
    struct transport_settings s = settings();
    struct active *a = make_active(1), *b = make_active(2);
    open_joint(&s);
    ck_assert(try_begin(a));
    kill_joint();
    s.subscriptions_max_bytes = 1 << 20;
    open_joint(&s);
    end_all(joint);
    while (registry_reserve(joint->registry, b))
        ids++;
    ck_assert_uint_eq(ids, 1 + (1 << 20) / active_size(b));
    kill_joint();
    active_unref(&a);
    active_unref(&b);
    history_remove();
}
END_TEST

/* From now on it cannot be written, although it is there. Returns what mends it. */
static int
break_fd(int fd)
{
    int saved = dup(fd), nothing = open("/dev/null", O_RDONLY);
    ck_assert_int_ge(dup2(nothing, fd), 0);
    close(nothing);
    return saved;
}

static void
mend_fd(int fd, int saved)
{
    ck_assert_int_ge(dup2(saved, fd), 0);
    close(saved);
}

static void
commit_when_it_can(struct active *a)
{
    for (;;) {
        struct update *u = next_update(a, true, 10);
        uint64_t again = clock_mono_ms() + 10;
        if (commit(&u, 1))
            return;
        while (clock_mono_ms() < again)
            ;
    }
}

/* `broken`: 0 published, 1 what begins and ends. */
static void
fail_one(int broken)
{
    struct transport_settings s = settings();
    struct active *a = make_active(1);
    open_joint(&s);
    publish(10);
    ck_assert(try_begin(a));
    struct store *st = broken ? joint->active : joint->published;
    close(break_fd(st->segments.fd));
    struct update *mixed[] = {make_update("p", 1, 10), active_update(a, true, SLICE("e"))};
    ck_assert(!commit(mixed, 2));
    ck_assert_uint_eq(registry_count(joint->registry), 1); /* it goes on showing it */
    ck_assert(!find("p").found);
    ck_assert(!find("e").found);
    ck_assert_int_eq(read_all(READ_ALL, NULL), 2);
    /* It may come back after a crash, so nothing is shown behind it, of either store. */
    int folder = break_fd(st->segments.folder.fd);
    for (uint64_t until = clock_mono_ms() + 300; clock_mono_ms() < until;) {
        struct update *later = make_update("later", 1, 10);
        ck_assert(!commit(&later, 1));
    }
    ck_assert(!joint_is_well(joint));
    mend_fd(st->segments.folder.fd, folder);
    commit_when_it_can(NULL);
    commit_when_it_can(a);
    ck_assert(joint_is_well(joint));
    kill_joint();
    /* Written and never confirmed: it is none, and stays none. */
    open_joint(&s);
    ck_assert(!find("p").found);
    ck_assert(!find("e").found);
    ck_assert_int_eq(read_all(READ_ALL, NULL), 4);
    ck_assert_uint_eq(registry_count(joint->registry), 0);
    kill_joint();
    active_unref(&a);
    history_remove();
}

START_TEST(where_begins_cannot_be_written_nothing_of_the_batch_is_shown)
{
    fail_one(1);
}
END_TEST

START_TEST(where_updates_cannot_be_written_no_begin_of_the_batch_is_shown)
{
    fail_one(0);
}
END_TEST

START_TEST(a_second_store_that_can_begin_no_file_holds_up_nothing_that_is_published)
{
    struct transport_settings s = settings();
    struct active *a = make_active(1);
    struct batch *b;
    uint32_t count;
    open_joint(&s);
    ck_assert(try_begin(a));
    open_segment_leave(&joint->active->segments);
    int folder = break_fd(joint->active->segments.folder.fd);
    for (int i = 0; i < 3; i++) {
        struct update *both[] = {next_update(a, true, 0), next_update(NULL, false, 10)};
        ck_assert_int_eq(joint_commit(joint, both, 2, &b, &count), WRITER_FAILED);
        ck_assert_uint_eq(count, 1);
        ck_assert(commit(&both[1], 1));
        update_unref(&both[0]);
    }
    ck_assert_uint_eq(registry_count(joint->registry), 1);
    mend_fd(joint->active->segments.folder.fd, folder);
    commit_when_it_can(a);
    ck_assert_uint_eq(registry_count(joint->registry), 0);
    ck_assert_int_eq(read_all(READ_ALL, NULL), 5);
    kill_joint();
    active_unref(&a);
    history_remove();
}
END_TEST

START_TEST(an_update_that_is_too_large_fails_alone)
{
    struct transport_settings s = settings();
    struct active *a = make_active(1);
    struct batch *b;
    uint32_t count;
    open_joint(&s);
    struct update *all[] = {next_update(a, false, 0), make_update("large", 1, 3 << 20),
                            next_update(a, true, 0)};
    ck_assert(registry_reserve(joint->registry, a));
    ck_assert_int_eq(joint_commit(joint, all, 3, &b, &count), WRITER_READY);
    ck_assert_uint_eq(count, 1);
    batch_unref(&b);
    ck_assert_int_eq(joint_commit(joint, all + 1, 2, &b, &count), WRITER_TOO_LARGE);
    ck_assert_uint_eq(count, 1);
    ck_assert_int_eq(joint_commit(joint, all + 2, 1, &b, &count), WRITER_READY);
    ck_assert_uint_eq(count, 1);
    ck_assert_int_eq(position_cmp(b->after, all[0]->position), 0);
    batch_unref(&b);
    for (int i = 0; i < 3; i++)
        update_unref(&all[i]);
    kill_joint();
    active_unref(&a);
    history_remove();
}
END_TEST

UNIT_MAIN("joint", pieces_of_both_stores_come_in_one_order,
          where_the_second_store_has_nothing_the_piece_is_the_first_s_own,
          retention_of_begins_takes_nothing_that_is_published,
          retention_of_what_is_published_takes_no_begins,
          of_two_with_one_id_in_both_stores_the_earlier_is_found,
          what_lasts_is_known_after_a_kill_and_ended_once,
          at_the_bound_of_what_is_active_there_is_always_room_for_ends,
          what_was_active_is_there_again_after_a_stop_and_after_a_kill,
          an_end_gives_the_room_back_that_a_start_took,
          where_begins_cannot_be_written_nothing_of_the_batch_is_shown,
          where_updates_cannot_be_written_no_begin_of_the_batch_is_shown,
          a_second_store_that_can_begin_no_file_holds_up_nothing_that_is_published,
          an_update_that_is_too_large_fails_alone)
