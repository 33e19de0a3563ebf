/* A floor: what somebody needs is not removed, and who needs it hears in time. */

#include "base/clock.h"
#include "unit/guard.h"
#include "unit/transport/disk/beside.h"

static const struct position no_floor = {UINT64_MAX, UINT64_MAX};

START_TEST(what_is_at_or_behind_the_floor_stays_whatever_the_bounds_say)
{
    struct store_settings s = history_settings();
    struct store *st = history_open(&s);
    bool found;
    s.max_events = 1000000;
    history_commit_many(st, 0, 10, 100);
    struct position kept = history_commit(st, "kept", 100);
    retention_set_floor(&st->segments, kept);
    history_commit_many(st, 10, 200, 1000);
    history_keep(st);
    st->segments.max_events = 20;
    retention_make_room_for_events(&st->segments, 1);
    history_keep(st);
    ck_assert_int_eq(position_cmp(history_find(st, "kept", &found), kept), 0);
    ck_assert(found);
    ck_assert_uint_eq(history_read(st, NULL).count, 201);
    retention_set_floor(&st->segments, (struct position){kept.run, kept.sequence + 1});
    history_keep(st); /* its segment holds others behind it, which are behind the floor */
    history_find(st, "kept", &found);
    ck_assert(found);
    retention_set_floor(&st->segments, no_floor);
    history_keep(st);
    ck_assert_uint_le(history_read(st, NULL).count, 130);
    ck_assert_uint_eq(history_find(st, "kept", &found).run, found ? kept.run : 0);
    store_close(&st);
    history_remove();
}
END_TEST

/* Nothing but begins of one who stays, and of others who go: what retention wants is carried in
 * time, so that a commit never fails for want of room, and the one who stays is never forgotten. */
START_TEST(who_carries_what_is_wanted_never_wants_room)
{
    struct store_settings s = history_settings();
    struct folded f;
    struct pair p = pair_open(&s, &s, NULL);
    struct position stays = pair_commit(&p, "stays", UPDATE_BEGIN, 200), upto;
    unsigned carried = 0;
    char id[24];
    for (unsigned i = 0; i < 6000; i++) {
        retention_set_floor(&p.beside->segments, stays);
        while (retention_wants(&p.beside->segments, &upto)) {
            ck_assert_int_le(position_cmp(stays, upto), 0);
            stays = pair_carry(&p, "stays", 200);
            retention_set_floor(&p.beside->segments, stays);
            carried++;
        }
        snprintf(id, sizeof id, "goes-%u", i);
        pair_commit(&p, id, i % 2 ? UPDATE_END : UPDATE_BEGIN, 700);
        if (i % 50 == 0)
            history_keep(p.beside);
        if (i % 1000 == 999) {
            pair_close(&p);
            p = pair_open(&s, &s, &f);
            ck_assert_ptr_nonnull(strstr(f.ids, "stays"));
        }
    }
    ck_assert_uint_ge(carried, 3); /* 4 MB went through 1 MiB */
    ck_assert_uint_le(carried, 20);
    ck_assert_uint_le(p.beside->segments.used, s.max_bytes);
    pair_close(&p);
    history_remove();
}
END_TEST

START_TEST(what_grows_old_is_wanted_before_it_goes)
{
    struct store_settings s = history_settings(), aging = s;
    aging.max_age_ms = 200;
    struct folded f;
    struct pair p = pair_open(&s, &aging, NULL);
    struct position stays = pair_commit(&p, "stays", UPDATE_BEGIN, 10), upto;
    struct error err;
    pair_commit(&p, "goes", UPDATE_BEGIN, 10);
    retention_set_floor(&p.beside->segments, stays);
    ck_assert(!retention_wants(&p.beside->segments, &upto)); /* it is being written */
    ck_assert(writer_seal(&p.beside->writer, &err));
    uint64_t begun = clock_mono_ms();
    while (!retention_wants(&p.beside->segments, &upto)) {
        history_keep(p.beside);
        ck_assert_uint_lt(clock_mono_ms() - begun, 10000);
    }
    ck_assert_uint_ge(clock_mono_ms() - begun, 150);
    history_keep(p.beside);
    ck_assert_uint_eq(history_read(p.beside, NULL).count, 2);
    stays = pair_carry(&p, "stays", 10);
    retention_set_floor(&p.beside->segments, stays);
    ck_assert(!retention_wants(&p.beside->segments, &upto));
    history_keep(p.beside);
    ck_assert_uint_eq(history_read(p.beside, NULL).count, 0);
    pair_close(&p);
    p = pair_open(&s, &s, &f);
    ck_assert_str_eq(f.ids, "cstays ");
    pair_close(&p);
    history_remove();
}
END_TEST

/* A bound that was made smaller: a start makes the room that it takes, and what it removed is to be
 * written again. */
START_TEST(what_a_start_removed_is_wanted)
{
    struct store_settings s = history_settings(), large = s;
    large.max_bytes = 4 << 20;
    struct folded f;
    struct pair p = pair_open(&s, &large, NULL);
    struct position stays = pair_commit(&p, "stays", UPDATE_BEGIN, 10), upto;
    for (unsigned i = 0; i < 3000; i++)
        pair_commit(&p, "goes", UPDATE_END, 900);
    history_keep(p.beside);
    pair_close(&p);
    p = pair_open(&s, &s, &f);
    ck_assert_uint_eq(f.kinds[DISK_RECORD_BEGIN], 1);
    retention_set_floor(&p.beside->segments, stays);
    ck_assert(retention_wants(&p.beside->segments, &upto));
    ck_assert_int_ge(position_cmp(upto, p.beside->segments.removed.position), 0);
    retention_set_floor(&p.beside->segments, pair_carry(&p, "stays", 10));
    ck_assert(!retention_wants(&p.beside->segments, &upto));
    pair_close(&p);
    history_remove();
}
END_TEST

/* Where commits wait for a sync, what takes the place of what is removed does not. */
START_TEST(what_is_carried_is_on_the_disk_at_once)
{
    struct store_settings s = history_settings();
    s.sync_interval_ms = 600000;
    struct pair p = pair_open(&s, &s, NULL);
    const struct segments *h = &p.beside->segments;
    struct error err;
    pair_commit(&p, "stays", UPDATE_BEGIN, 10);
    ck_assert_uint_lt(h->open->synced, h->open->length);
    pair_carry(&p, "stays", 10);
    ck_assert_uint_eq(h->open->synced, h->open->length);
    pair_commit(&p, "more", UPDATE_BEGIN, 10);
    ck_assert(writer_stop(&p.beside->writer, p.next, &err));
    ck_assert_uint_eq(h->open->synced, h->open->length);
    pair_close(&p);
    history_remove();
}
END_TEST

/* Retention remembers the last id that was shown: behind it may be what is hidden. */
START_TEST(the_last_id_that_was_shown_is_a_cursor_when_all_is_removed)
{
    struct store_settings s = history_settings();
    struct pair p = pair_open(&s, &s, NULL);
    struct error err;
    bool found;
    pair_commit(&p, "before", UPDATE_BEGIN, 10);
    struct position shown = pair_commit(&p, "shown", UPDATE_END, 10);
    pair_carry(&p, "hidden", 10);
    ck_assert(writer_seal(&p.beside->writer, &err));
    pair_carry(&p, "hidden", 10);
    ck_assert(writer_seal(&p.beside->writer, &err));
    history_keep(p.beside);
    p.beside->segments.max_events = 0;
    for (int again = 0; again < 2; again++) {
        retention_make_room_for_events(&p.beside->segments, 0);
        struct position at = history_find(p.beside, "shown", &found);
        ck_assert(found);
        ck_assert_int_eq(position_cmp(at, shown), 0); /* who stands there has missed nothing */
        ck_assert(!history_read(p.beside, &at).gone);
        history_find(p.beside, "before", &found);
        ck_assert(!found);
        history_find(p.beside, "hidden", &found);
        ck_assert(!found);
        pair_close(&p);
        p = pair_open(&s, &s, NULL);
    }
    pair_close(&p);
    history_remove();
}
END_TEST

UNIT_MAIN("retention", what_is_at_or_behind_the_floor_stays_whatever_the_bounds_say,
          who_carries_what_is_wanted_never_wants_room, what_grows_old_is_wanted_before_it_goes,
          what_a_start_removed_is_wanted, what_is_carried_is_on_the_disk_at_once,
          the_last_id_that_was_shown_is_a_cursor_when_all_is_removed)
