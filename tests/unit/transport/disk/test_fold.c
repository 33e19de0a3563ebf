/* All records of a store at the start: hidden ones too, and what lies before damage. */

#include "unit/guard.h"
#include "unit/transport/disk/beside.h"

static void
beside_nth(char out[160], int which)
{
    char whole[64];
    snprintf(whole, sizeof whole, "%s", history_path);
    snprintf(history_path, sizeof history_path, "%.40s/subscriptions", whole);
    history_nth(out, ".log", which);
    snprintf(history_path, sizeof history_path, "%s", whole);
}

START_TEST(begins_and_ends_are_folded_in_order_with_what_is_hidden)
{
    struct store_settings s = history_settings();
    struct folded f;
    struct error err;
    struct pair p = pair_open(&s, &s, &f);
    ck_assert_str_eq(f.ids, "");
    pair_commit(&p, "one", UPDATE_BEGIN, 10);
    pair_commit(&p, "two", UPDATE_BEGIN, 10);
    pair_commit(&p, "news", UPDATE_PUBLISHED, 10);
    pair_commit(&p, "one-end", UPDATE_END, 10);
    pair_carry(&p, "two", 10);
    ck_assert(writer_stop(&p.beside->writer, p.next, &err));
    ck_assert_uint_eq(writer_last(&p.beside->writer).sequence, p.next);
    pair_close(&p);
    p = pair_open(&s, &s, &f);
    ck_assert_str_eq(f.ids, "bone btwo eone-end ctwo s ");
    ck_assert_int_eq(f.last_kind, DISK_RECORD_STOP);
    ck_assert_uint_eq(f.last.sequence, 6);
    pair_commit(&p, "three", UPDATE_BEGIN, 10); /* it goes on, and this time it was killed */
    pair_close(&p);
    p = pair_open(&s, &s, &f);
    ck_assert_str_eq(f.ids, "bone btwo eone-end ctwo s bthree ");
    ck_assert_int_eq(f.last_kind, DISK_RECORD_BEGIN);
    pair_close(&p);
    history_remove();
}
END_TEST

START_TEST(what_is_hidden_is_neither_read_nor_found)
{
    struct store_settings s = history_settings();
    struct pair p = pair_open(&s, &s, NULL);
    bool found;
    struct position begun = pair_commit(&p, "one", UPDATE_BEGIN, 10);
    for (int i = 0; i < 3000; i++) /* whole blocks of it */
        pair_carry(&p, "one", 30);
    pair_carry(&p, "nobody", 10);
    struct position last = pair_commit(&p, "end", UPDATE_END, 10);
    struct position hidden = pair_carry(&p, "one", 10);
    for (int again = 0; again < 2; again++) {
        struct held h = history_read(p.beside, NULL);
        ck_assert(!h.gone);
        ck_assert_uint_eq(h.count, 2);
        ck_assert_int_eq(position_cmp(h.last, last), 0);
        ck_assert_uint_eq(history_read(p.beside, &begun).count, 1);
        ck_assert_uint_eq(history_read(p.beside, &last).count, 0);
        ck_assert_uint_eq(history_read(p.beside, &hidden).count, 0);
        ck_assert_int_eq(position_cmp(history_find(p.beside, "one", &found), begun), 0);
        ck_assert(found);
        history_find(p.beside, "nobody", &found);
        ck_assert(!found);
        pair_close(&p);
        p = pair_open(&s, &s, NULL); /* from the index, or made again */
        history_keep(p.beside);
    }
    pair_close(&p);
    history_remove();
}
END_TEST

/* Who was there is known from what lies before, too. */
START_TEST(damage_moves_what_is_removed_and_what_lies_before_is_folded)
{
    struct store_settings s = history_settings();
    struct folded f;
    struct pair p = pair_open(&s, &s, NULL);
    struct error err;
    char path[160];
    pair_commit(&p, "one", UPDATE_BEGIN, 10);
    struct position second = pair_commit(&p, "two", UPDATE_BEGIN, 10);
    pair_commit(&p, "three", UPDATE_BEGIN, 10);
    ck_assert(writer_seal(&p.beside->writer, &err));
    pair_commit(&p, "four", UPDATE_BEGIN, 10);
    pair_close(&p);
    beside_nth(path, 0);
    history_flip(path, SEGMENT_HEADER + 150); /* in the second */
    p = pair_open(&s, &s, &f);
    ck_assert_str_eq(f.ids, "bone bthree bfour ");
    ck_assert_int_eq(position_cmp(p.beside->segments.removed.position, second), 0);
    struct held h = history_read(p.beside, NULL);
    ck_assert_str_eq(h.first_id, "three");
    ck_assert_uint_eq(h.count, 2);
    pair_close(&p);
    p = pair_open(&s, &s, &f); /* judged once more, at every start */
    ck_assert_str_eq(f.ids, "bone bthree bfour ");
    pair_close(&p);
    beside_nth(path, 0);
    history_flip(path, 100); /* its header: nothing of it is known, and the start goes on */
    p = pair_open(&s, &s, &f);
    ck_assert_str_eq(f.ids, "bfour ");
    pair_close(&p);
    history_remove();
}
END_TEST

START_TEST(what_lies_before_a_file_that_is_missing_is_folded)
{
    struct store_settings s = history_settings();
    struct folded f;
    struct pair p = pair_open(&s, &s, NULL);
    struct error err;
    char path[160];
    pair_commit(&p, "one", UPDATE_BEGIN, 10);
    ck_assert(writer_seal(&p.beside->writer, &err));
    pair_commit(&p, "two", UPDATE_BEGIN, 10);
    ck_assert(writer_seal(&p.beside->writer, &err));
    pair_commit(&p, "three", UPDATE_BEGIN, 10);
    pair_close(&p);
    beside_nth(path, 1);
    ck_assert_int_eq(unlink(path), 0);
    p = pair_open(&s, &s, &f);
    ck_assert_str_eq(f.ids, "bone bthree ");
    ck_assert_str_eq(history_read(p.beside, NULL).first_id, "three");
    /* Its record cannot be replayed any more, so it is to be written again. */
    struct position upto;
    retention_set_floor(&p.beside->segments, (struct position){1, 1});
    ck_assert(retention_wants(&p.beside->segments, &upto));
    pair_close(&p);
    history_remove();
}
END_TEST

START_TEST(what_cannot_be_read_is_a_start_that_fails_in_words)
{
    struct store_settings s = history_settings(), own;
    struct folded f = {.ids = ""};
    struct pair p = pair_open(&s, &s, NULL);
    struct error err = {""};
    char path[160], away[200];
    pair_commit(&p, "one", UPDATE_BEGIN, 10);
    ck_assert(writer_seal(&p.beside->writer, &err));
    pair_commit(&p, "two", UPDATE_BEGIN, 10);
    pair_close(&p);
    beside_nth(path, 0);
    snprintf(away, sizeof away, "%s.away", path);
    ck_assert_int_eq(rename(path, away), 0);
    ck_assert_int_eq(mkdir(path, 0700), 0);
    own = s;
    p.history = history_open(&s);
    own.fold = beside_fold;
    own.fold_context = &f;
    ck_assert_ptr_null(store_open_beside(p.history, &own, &err));
    ck_assert_ptr_nonnull(strstr(err.text, path));
    ck_assert_int_eq(rmdir(path), 0);
    ck_assert_int_eq(rename(away, path), 0);
    store_close(&p.history);
    p = pair_open(&s, &s, &f);
    ck_assert_str_eq(f.ids, "bone btwo ");
    pair_close(&p);
    history_remove();
}
END_TEST

UNIT_MAIN("fold", begins_and_ends_are_folded_in_order_with_what_is_hidden,
          what_is_hidden_is_neither_read_nor_found,
          damage_moves_what_is_removed_and_what_lies_before_is_folded,
          what_lies_before_a_file_that_is_missing_is_folded,
          what_cannot_be_read_is_a_start_that_fails_in_words)
