/* A history and the store beside it: one order, one run, a folder in a folder. */

#include "unit/guard.h"
#include "unit/transport/disk/beside.h"

/* Both read behind a position, and merged. */
static unsigned
read_both(const struct pair *p, const struct position *after)
{
    struct held a = history_read(p->history, after), b = history_read(p->beside, after);
    ck_assert(!a.gone && !b.gone);
    return a.count + b.count;
}

/* Mixed as they come: single ones, long runs of one kind, many segments of each. */
static struct position positions[3000];

static void
fill(struct pair *p)
{
    char id[24];
    for (unsigned i = 0, run = 0; i < COUNT_OF(positions); i++) {
        snprintf(id, sizeof id, "id-%u", i);
        if (i % 100 == 0)
            run = i / 100 % 3;
        bool is_published = run == 0 ? i % 2 : run == 1;
        positions[i] = pair_commit(p, id, is_published ? UPDATE_PUBLISHED : UPDATE_BEGIN, i % 400);
    }
}

START_TEST(both_are_read_and_found_from_any_position_of_either)
{
    struct store_settings s = history_settings();
    s.max_bytes = 8 << 20;
    s.max_events = 10000;
    bool found;
    struct pair p = pair_open(&s, &s, NULL);
    fill(&p);
    for (int again = 0; again < 3; again++) {
        for (unsigned i = 0; i < COUNT_OF(positions); i += 37)
            ck_assert_uint_eq(read_both(&p, &positions[i]), COUNT_OF(positions) - 1 - i);
        ck_assert_uint_eq(read_both(&p, NULL), COUNT_OF(positions));
        struct position at = history_find(p.history, "id-101", &found);
        ck_assert(found && position_cmp(at, positions[101]) == 0);
        history_find(p.beside, "id-101", &found);
        ck_assert(!found);
        at = history_find(p.beside, "id-2900", &found);
        ck_assert(again || !found || position_cmp(at, positions[2900]) == 0);
        pair_close(&p);
        if (again == 0) { /* then by indexes that are made again */
            char path[128], **names;
            size_t n = history_names(".idx", &names);
            for (size_t i = 0; i < n; i++) {
                history_file(path, names[i]);
                unlink(path);
            }
            history_free_names(names, n);
        }
        p = pair_open(&s, &s, NULL);
        ck_assert_uint_eq(p.history->segments.run, p.beside->segments.run);
        ck_assert_uint_eq(p.history->segments.events + p.beside->segments.events,
                          COUNT_OF(positions));
        history_keep(p.history);
        history_keep(p.beside);
    }
    pair_close(&p);
    history_remove();
}
END_TEST

START_TEST(retention_of_the_one_does_not_touch_the_other)
{
    struct store_settings s = history_settings(), few = s;
    few.max_events = 160;
    struct pair p = pair_open(&few, &s, NULL);
    fill(&p);
    history_keep(p.history);
    history_keep(p.beside);
    struct held published = history_read(p.history, NULL), begins = history_read(p.beside, NULL);
    ck_assert_uint_le(published.count, 160);
    ck_assert_uint_ge(published.count, 140);
    ck_assert_uint_eq(begins.count, 1500);
    ck_assert_int_eq(position_cmp(published.last, positions[2899 - 700]) > 0, true);
    pair_close(&p);
    p = pair_open(&few, &s, NULL);
    ck_assert_uint_eq(history_read(p.beside, NULL).count, 1500);
    ck_assert_uint_ge(history_read(p.history, NULL).count, 140);
    pair_close(&p);
    history_remove();
}
END_TEST

/* A commit that failed has burnt its positions in the order of both. */
START_TEST(a_store_moves_the_sequence_on_where_it_was_used)
{
    struct store_settings s = history_settings();
    struct pair p = pair_open(&s, &s, NULL);
    struct error err;
    uint32_t fits;
    uint64_t sequence = 0;
    struct update *u = make_update("u", 1, 10);
    pair_commit(&p, "one", UPDATE_PUBLISHED, 10);
    pair_commit(&p, "two", UPDATE_BEGIN, 10);
    ck_assert_int_eq(writer_begin(&p.history->writer, &u, 1, &sequence, &fits, &err), WRITER_READY);
    ck_assert_uint_eq(sequence, 2);
    sequence = 0;
    ck_assert_int_eq(writer_begin(&p.beside->writer, &u, 1, &sequence, &fits, &err), WRITER_READY);
    ck_assert_uint_eq(sequence, 3);
    sequence = 5ull << 32; /* further than a segment can count */
    struct segment *before = p.beside->segments.open;
    ck_assert_int_eq(writer_begin(&p.beside->writer, &u, 1, &sequence, &fits, &err), WRITER_READY);
    ck_assert_uint_eq(sequence, 5ull << 32);
    ck_assert_ptr_ne(p.beside->segments.open, before);
    writer_number(&p.beside->writer, &u, 1, sequence);
    ck_assert(writer_commit(&p.beside->writer, &u, 1, NULL, &err));
    ck_assert_uint_eq(history_read(p.beside, NULL).count, 2);
    update_unref(&u);
    pair_close(&p);
    p = pair_open(&s, &s, NULL);
    ck_assert_uint_eq(history_read(p.beside, NULL).count, 2);
    pair_close(&p);
    history_remove();
}
END_TEST

START_TEST(a_store_that_is_missing_or_was_not_opened_for_a_while_is_fine)
{
    struct store_settings s = history_settings();
    struct folded f;
    struct store *alone = history_open(&s); /* without it from the first */
    history_commit_many(alone, 0, 5, 10);
    ck_assert(!store_has_beside(alone));
    store_close(&alone);
    struct pair p = pair_open(&s, &s, &f);
    ck_assert(store_has_beside(p.history));
    ck_assert_str_eq(f.ids, "");
    struct position begun = pair_commit(&p, "one", UPDATE_BEGIN, 10);
    pair_close(&p);
    for (int i = 0; i < 3; i++) { /* then without it again: it is left alone */
        alone = history_open(&s);
        history_commit(alone, i ? "more" : "some", 10);
        ck_assert(store_has_beside(alone));
        store_close(&alone);
    }
    p = pair_open(&s, &s, &f);
    ck_assert_str_eq(f.ids, "bone ");
    ck_assert_uint_eq(p.beside->segments.run, p.history->segments.run);
    ck_assert_uint_eq(p.beside->segments.run, 6);
    ck_assert_uint_eq(read_both(&p, &begun), 3);
    struct position next = pair_commit(&p, "two", UPDATE_BEGIN, 10);
    ck_assert_int_gt(position_cmp(next, writer_last(&p.history->writer)), 0);
    pair_close(&p);
    history_remove();
}
END_TEST

START_TEST(a_store_of_another_history_goes)
{
    struct store_settings s = history_settings();
    struct folded f;
    struct pair p = pair_open(&s, &s, NULL);
    char path[128], **names;
    pair_close(&p);
    p = pair_open(&s, &s, NULL);
    pair_commit(&p, "news", UPDATE_PUBLISHED, 10);
    pair_commit(&p, "one", UPDATE_BEGIN, 10);
    pair_close(&p);
    size_t n =
        history_names("", &names); /* the history alone is taken away, not the folder in it */
    for (size_t i = 0; i < n; i++) {
        history_file(path, names[i]);
        unlink(path);
    }
    history_free_names(names, n);
    p = pair_open(&s, &s, &f);
    ck_assert_uint_eq(p.history->segments.run, 1);
    ck_assert_uint_eq(p.beside->segments.run, 1);
    ck_assert_str_eq(f.ids, "");
    ck_assert_uint_eq(read_both(&p, NULL), 0);
    pair_commit(&p, "two", UPDATE_BEGIN, 10);
    ck_assert_uint_eq(read_both(&p, NULL), 1);
    pair_close(&p);
    p = pair_open(&s, &s, &f);
    ck_assert_str_eq(f.ids, "btwo ");
    pair_close(&p);
    history_remove();
}
END_TEST

/* Both are ours alone, and locked. */
START_TEST(the_folder_in_the_folder_is_ours_alone)
{
    struct store_settings s = history_settings();
    struct error err = {""};
    char path[128];
    int fd;
    history_file(path, "subscriptions"); /* nothing else is there: it is no stranger */
    ck_assert_int_eq(mkdir(path, 0750), 0);
    struct store *history = history_open(&s);
    history_file(path, "subscriptions/letters");
    ck_assert_int_ge(fd = open(path, O_CREAT | O_WRONLY, 0600), 0);
    close(fd);
    ck_assert_ptr_null(store_open_beside(history, &s, &err));
    ck_assert_ptr_nonnull(strstr(err.text, "subscriptions holds other files (letters)"));
    ck_assert_ptr_null(history->writer.beside);
    ck_assert_int_eq(unlink(path), 0);
    struct store *beside = store_open_beside(history, &s, &err), *second;
    ck_assert_msg(beside != NULL, "%s", err.text);
    history_file(path, "subscriptions");
    struct store_settings own = s;
    own.path = path;
    second = store_open(&own, &err);
    ck_assert_ptr_null(second);
    ck_assert_ptr_nonnull(strstr(err.text, "used by another hub"));
    store_close(&beside);
    store_close(&history);
    history_remove();
}
END_TEST

/* Else a cursor would be led past updates. */
START_TEST(an_id_that_a_begin_has_is_known_when_it_is_published)
{
    struct store_settings s = history_settings();
    struct pair p = pair_open(&s, &s, NULL);
    bool found;
    pair_commit(&p, "taken", UPDATE_BEGIN, 10);
    pair_commit(&p, "between", UPDATE_PUBLISHED, 10);
    pair_commit(&p, "taken", UPDATE_PUBLISHED, 10);
    history_find(p.history, "taken", &found);
    ck_assert(!found);
    history_find(p.beside, "taken", &found);
    ck_assert(found);
    pair_close(&p);
    history_remove();
}
END_TEST

UNIT_MAIN("beside", both_are_read_and_found_from_any_position_of_either,
          retention_of_the_one_does_not_touch_the_other,
          a_store_moves_the_sequence_on_where_it_was_used,
          a_store_that_is_missing_or_was_not_opened_for_a_while_is_fine,
          a_store_of_another_history_goes, the_folder_in_the_folder_is_ours_alone,
          an_id_that_a_begin_has_is_known_when_it_is_published)
