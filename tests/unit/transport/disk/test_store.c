/* The store: commits, segments, retention, room, and what a failed write leaves. */

#include "base/clock.h"
#include "unit/guard.h"
#include "unit/transport/disk/history.h"

#include <signal.h>
#include <sys/resource.h>
#include <time.h>

START_TEST(what_is_committed_is_read_in_order_and_found)
{
    struct store_settings s = history_settings();
    struct store *st = history_open(&s);
    bool found;
    ck_assert_uint_eq(history_read(st, NULL).count, 0);
    history_find(st, "id-0", &found);
    ck_assert(!found);
    history_commit_many(st, 0, 300, 100);
    struct held h = history_read(st, NULL);
    ck_assert(!h.gone);
    ck_assert_uint_eq(h.count, 300);
    ck_assert_str_eq(h.first_id, "id-0");
    ck_assert_str_eq(h.last_id, "id-299");
    struct position p = history_find(st, "id-200", &found);
    ck_assert(found);
    h = history_read(st, &p);
    ck_assert_uint_eq(h.count, 99);
    ck_assert_str_eq(h.first_id, "id-201");
    store_close(&st);
    history_remove();
}
END_TEST

START_TEST(an_update_as_large_as_may_be_gets_a_segment_of_its_own)
{
    struct store_settings s = history_settings();
    struct store *st = history_open(&s);
    bool found;
    history_commit(st, "before", 10);
    history_commit(st, "large", s.max_bytes / 4);
    history_commit(st, "behind", 10);
    struct held h = history_read(st, NULL);
    ck_assert_uint_eq(h.count, 3);
    ck_assert_str_eq(h.last_id, "behind");
    history_find(st, "large", &found);
    ck_assert(found);
    store_close(&st);
    history_remove();
}
END_TEST

/* It must not take the history with it. */
START_TEST(an_update_that_fits_nowhere_is_refused_and_costs_nothing)
{
    struct store_settings s = history_settings();
    struct store *st = history_open(&s);
    history_commit_many(st, 0, 300, 1000);
    history_keep(st);
    struct held before = history_read(st, NULL);
    struct update *huge = make_update("huge", 1, s.max_bytes / 2);
    struct segment *open = st->segments.open;
    struct error err = {""};
    uint64_t sequence = 0;
    uint32_t fits;
    ck_assert_int_eq(writer_begin(&st->writer, &huge, 1, &sequence, &fits, &err), WRITER_TOO_LARGE);
    ck_assert_ptr_nonnull(strstr(err.text, "max_bytes"));
    update_unref(&huge);
    ck_assert_ptr_eq(st->segments.open, open); /* it was not left, and nobody else is refused */
    ck_assert(!st->writer.trouble && st->writer.retry_at_ms == 0 && writer_is_well(&st->writer));
    struct held after = history_read(st, NULL);
    ck_assert_uint_eq(after.count, before.count);
    ck_assert_str_eq(after.first_id, "id-0");
    history_commit(st, "next", 10);
    ck_assert_uint_eq(history_read(st, NULL).count, 301);
    store_close(&st);
    history_remove();
}
END_TEST

START_TEST(max_events_is_kept_to_a_segment)
{
    struct store_settings s = history_settings();
    s.max_events = 160;
    struct store *st = history_open(&s);
    bool found;
    for (unsigned i = 0; i < 1000; i += 10) {
        history_commit_many(st, i, i + 10, 10);
        history_keep(st);
        struct held h = history_read(st, NULL);
        ck_assert(!h.gone);
        ck_assert_uint_le(h.count, 160);
        ck_assert_uint_ge(h.count, i + 10 < 150 ? i + 10 : 150);
    }
    history_find(st, "id-0", &found);
    ck_assert(!found);
    store_close(&st);
    st = history_open(&s);
    ck_assert_uint_ge(history_read(st, NULL).count, 140);
    store_close(&st);
    history_remove();
}
END_TEST

/* Else each few updates would cost 16 MiB of zeros. */
START_TEST(what_is_prepared_fits_a_history_of_few_events)
{
    struct store_settings s = history_settings();
    s.max_bytes = 256 << 20;
    s.max_events = 1000;
    struct store *st = history_open(&s);
    history_keep(st);
    ck_assert_uint_le(history_bytes(), 1 << 20);
    history_commit_many(st, 0, 200, 200);
    history_keep(st);
    ck_assert_uint_le(history_bytes(), 1 << 20);
    for (unsigned i = 200; i < 1400; i += 100) { /* large ones are held all the same */
        history_commit_many(st, i, i + 100, 30000);
        history_keep(st);
    }
    struct held h = history_read(st, NULL);
    ck_assert(!h.gone);
    ck_assert_uint_le(h.count, 1000);
    ck_assert_uint_ge(h.count, 900);
    store_close(&st);
    history_remove();
}
END_TEST

START_TEST(one_event_may_be_all_that_is_held)
{
    struct store_settings s = history_settings();
    s.max_events = 1;
    struct store *st = history_open(&s);
    for (unsigned i = 0; i < 20; i++) {
        history_commit_many(st, i, i + 1, 10);
        history_keep(st);
        ck_assert_uint_eq(history_read(st, NULL).count, 1);
    }
    store_close(&st);
    history_remove();
}
END_TEST

START_TEST(max_bytes_is_never_passed)
{
    struct store_settings s = history_settings();
    struct store *st = history_open(&s);
    unsigned number = 0;
    for (unsigned round = 0; round < 12; round++) {
        for (unsigned i = 0; i < 60; i++, number++) {
            history_commit_many(st, number, number + 1, (i * i * 37) % 9000);
            ck_assert_uint_le(history_bytes(), s.max_bytes);
            if (i % 3 == 0)
                history_keep(st);
            ck_assert_uint_le(history_bytes(), s.max_bytes);
        }
        history_commit(st, "large", s.max_bytes / 4 - 4096);
        ck_assert_uint_le(history_bytes(), s.max_bytes);
        store_close(&st);
        st = history_open(&s);
        ck_assert_uint_le(history_bytes(), s.max_bytes);
    }
    ck_assert_uint_gt(history_read(st, NULL).count, 60);
    store_close(&st);
    history_remove();
}
END_TEST

START_TEST(what_is_too_old_goes_also_from_an_idle_store)
{
    struct store_settings s = history_settings();
    s.max_age_ms = 320;
    struct store *st = history_open(&s);
    bool found;
    struct position last = {0};
    history_commit_many(st, 0, 20, 10);
    last = history_commit(st, "last", 10);
    uint64_t begun = clock_mono_ms();
    while (history_read(st, NULL).count) {
        writer_tick(&st->writer);
        history_keep(st);
        nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
        ck_assert_uint_lt(clock_mono_ms() - begun, 10000);
    }
    ck_assert_uint_ge(clock_mono_ms() - begun, 250);
    struct position p = history_find(st, "last", &found); /* the last removed id is still one */
    ck_assert(found);
    ck_assert_int_eq(position_cmp(p, last), 0);
    ck_assert(!history_read(st, &p).gone);
    struct position older = {p.run, p.sequence - 1};
    ck_assert(history_read(st, &older).gone);
    store_close(&st);
    st = history_open(&s);
    history_find(st, "last", &found);
    ck_assert(found);
    store_close(&st);
    history_remove();
}
END_TEST

static void
set_times(struct store *st, uint64_t ms)
{
    LIST_EACH(node, after, &st->segments.held)
    {
        segments_at(node)->last_time_ms = ms;
    }
}

/* As if the clock were ahead at the start by all the time since 1970. */
START_TEST(a_clock_that_is_ahead_at_the_start_removes_nothing_before_it_had_time_to_be_set)
{
    struct store_settings s = history_settings();
    struct store *st = history_open(&s);
    history_commit_many(st, 0, 20, 10);
    store_close(&st);
    st = history_open(&s);
    ck_assert_int_ge(st->segments.ages_from_ms - (int64_t)clock_boot_ms(), 3590 * 1000);
    set_times(st, 1);
    history_keep(st);
    ck_assert_uint_eq(history_read(st, NULL).count, 20);
    set_times(st, clock_wall_ms()); /* it was set meanwhile */
    st->segments.ages_from_ms = 1;  /* and the hour is over */
    history_keep(st);
    ck_assert_uint_eq(history_read(st, NULL).count, 20);
    set_times(st, 1); /* from now on it is not asked any more */
    history_keep(st);
    ck_assert_uint_eq(history_read(st, NULL).count, 20);
    store_close(&st);
    st = history_open(&s); /* what is really too old goes */
    set_times(st, 1);
    st->segments.ages_from_ms = 1;
    history_keep(st);
    ck_assert_uint_eq(history_read(st, NULL).count, 0);
    store_close(&st);
    s.max_age_ms = 5000; /* where less is kept, less is waited */
    st = history_open(&s);
    ck_assert_int_le(st->segments.ages_from_ms - (int64_t)clock_boot_ms(), 5000);
    store_close(&st);
    history_remove();
}
END_TEST

START_TEST(several_updates_are_one_commit_and_may_fill_several_segments)
{
    struct store_settings s = history_settings();
    struct store *st = history_open(&s);
    enum {
        COUNT = 900
    };
    struct update *updates[COUNT];
    for (unsigned i = 0; i < COUNT; i++) {
        char id[24];
        snprintf(id, sizeof id, "id-%u", i);
        updates[i] = make_update(id, 1 + i % 3, i % 500);
    }
    ck_assert(history_commit_all(st, updates, COUNT));
    struct held h = history_read(st, NULL);
    ck_assert_uint_eq(h.count, COUNT);
    ck_assert_str_eq(h.last_id, "id-899");
    for (unsigned i = 0; i < COUNT; i++)
        update_unref(&updates[i]);
    store_close(&st);
    history_remove();
}
END_TEST

static void
limit_files(rlim_t bytes)
{
    struct rlimit r;
    signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &r), 0);
    r.rlim_cur = bytes;
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &r), 0);
}

/* The store writes into a file that is there already, up to the limit, and not beyond. */
START_TEST(a_write_that_fails_confirms_nothing_and_the_next_goes_on)
{
    struct store_settings s = history_settings();
    struct store *st = history_open(&s);
    struct position p;
    history_commit_many(st, 0, 5, 100);
    limit_files(st->segments.open->length + 2000);
    ck_assert(!history_try_commit(st, "lost", 4000, true, &p));
    ck_assert(!history_try_commit(st, "lost", 4000, true, NULL));
    limit_files(RLIM_INFINITY);
    st->writer.retry_at_ms = 0;
    struct position next = history_commit(st, "next", 10);
    ck_assert_int_gt(position_cmp(next, p), 0); /* its position is burnt */
    bool found;
    history_find(st, "lost", &found);
    ck_assert(!found);
    struct held h = history_read(st, NULL);
    ck_assert_uint_eq(h.count, 6);
    ck_assert_str_eq(h.last_id, "next");
    store_close(&st);
    st = history_open(&s);
    h = history_read(st, NULL);
    ck_assert(!h.gone);
    ck_assert_uint_eq(h.count, 6);
    store_close(&st);
    history_remove();
}
END_TEST

/* A disk that takes headers but no records must not be filled with headers, nor may each of these
 * take the place of a segment that holds something. */
START_TEST(writes_that_fail_for_long_cost_no_history)
{
    struct store_settings s = history_settings();
    struct store *st = history_open(&s);
    history_commit_many(st, 0, 40, 10000);
    history_keep(st);
    struct held before = history_read(st, NULL);
    ck_assert_uint_eq(before.count, 40);
    limit_files(SEGMENT_HEADER);
    for (unsigned i = 0; i < 200; i++) {
        st->writer.retry_at_ms = 0;
        ck_assert(!history_try_commit(st, "no", 10, true, NULL));
        history_keep(st);
    }
    limit_files(RLIM_INFINITY);
    st->writer.retry_at_ms = 0;
    char **names;
    size_t files = history_names(".log", &names);
    history_free_names(names, files);
    ck_assert_uint_lt(files, 20);
    history_commit(st, "next", 10);
    struct held after = history_read(st, NULL);
    ck_assert(!after.gone);
    ck_assert_uint_eq(after.count, 41);
    store_close(&st);
    st = history_open(&s);
    ck_assert_uint_eq(history_read(st, NULL).count, 41);
    store_close(&st);
    history_remove();
}
END_TEST

START_TEST(a_sealed_segment_is_cut_to_its_length_and_gets_an_index)
{
    struct store_settings s = history_settings();
    struct store *st = history_open(&s);
    struct stat of;
    char path[128], **names;
    history_commit_many(st, 0, 400, 500);
    history_keep(st);
    size_t logs = history_names(".log", &names);
    history_free_names(names, logs);
    size_t indexes = history_names(".idx", &names);
    history_free_names(names, indexes);
    ck_assert_uint_ge(logs, 3);
    ck_assert_uint_eq(indexes, logs - 1);
    history_nth(path, ".log", 0);
    ck_assert_int_eq(stat(path, &of), 0);
    ck_assert_int_lt(of.st_size, (off_t)st->segments.file_bytes);
    history_nth(path, "prepared", 0);
    ck_assert_int_eq(stat(path, &of), 0);
    ck_assert_int_eq(of.st_size, (off_t)st->segments.file_bytes);
    ck_assert_uint_eq(history_read(st, NULL).count, 400);
    store_close(&st);
    history_remove();
}
END_TEST

/* `used` is what max_bytes is judged by. */
START_TEST(what_is_counted_as_used_is_what_the_files_take_at_most)
{
    struct store_settings s = history_settings();
    struct store *st = history_open(&s);
    for (unsigned i = 0; i < 40; i++) {
        history_commit_many(st, i * 50, i * 50 + 50, i * 40);
        ck_assert_uint_le(history_bytes(), st->segments.used);
        history_keep(st);
        ck_assert_uint_le(history_bytes(), st->segments.used);
        ck_assert_uint_le(st->segments.used, s.max_bytes);
        if (i % 10 == 9) {
            store_close(&st);
            st = history_open(&s);
        }
    }
    store_close(&st);
    history_remove();
}
END_TEST

UNIT_MAIN("store", what_is_committed_is_read_in_order_and_found,
          an_update_as_large_as_may_be_gets_a_segment_of_its_own,
          an_update_that_fits_nowhere_is_refused_and_costs_nothing, max_events_is_kept_to_a_segment,
          what_is_prepared_fits_a_history_of_few_events, one_event_may_be_all_that_is_held,
          max_bytes_is_never_passed, what_is_too_old_goes_also_from_an_idle_store,
          a_clock_that_is_ahead_at_the_start_removes_nothing_before_it_had_time_to_be_set,
          several_updates_are_one_commit_and_may_fill_several_segments,
          a_write_that_fails_confirms_nothing_and_the_next_goes_on,
          writes_that_fail_for_long_cost_no_history,
          a_sealed_segment_is_cut_to_its_length_and_gets_an_index,
          what_is_counted_as_used_is_what_the_files_take_at_most)
