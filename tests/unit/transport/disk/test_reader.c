/* Reads and look-ups: repeated ids, marks, the last removed id, damage met while the hub runs. */

#include "transport/disk/retention.h"
#include "transport/position_id.h"
#include "unit/guard.h"
#include "unit/transport/disk/history.h"

START_TEST(of_several_updates_with_one_id_the_earliest_is_found)
{
    struct store_settings s = history_settings();
    struct store *st = history_open(&s);
    bool found;
    struct position first = history_commit(st, "twice", 10);
    history_commit_many(st, 0, 10, 10);
    history_commit(st, "twice", 20);
    ck_assert_int_eq(position_cmp(history_find(st, "twice", &found), first), 0);
    ck_assert(found);
    store_close(&st);
    st = history_open(&s);
    ck_assert_int_eq(position_cmp(history_find(st, "twice", &found), first), 0);
    ck_assert(found);
    store_close(&st);
    history_remove();
}
END_TEST

START_TEST(one_commit_may_hold_an_id_twice)
{
    struct store_settings s = history_settings();
    struct store *st = history_open(&s);
    bool found;
    struct update *updates[] = {make_update("same", 1, 1), make_update("other", 1, 1),
                                make_update("same", 1, 2)};
    for (size_t i = 0; i < 3; i++)
        updates[i]->id_is_chosen = true;
    ck_assert(history_commit_all(st, updates, 3));
    struct position p = history_find(st, "same", &found);
    ck_assert(found);
    ck_assert_int_eq(position_cmp(p, updates[0]->position), 0);
    for (size_t i = 0; i < 3; i++)
        update_unref(&updates[i]);
    ck_assert_uint_eq(history_read(st, NULL).count, 3);
    store_close(&st);
    history_remove();
}
END_TEST

/* Removes segments from the oldest on until this position is removed. */
static void
remove_to(struct store *st, struct position p)
{
    struct segments *h = &st->segments;
    uint64_t bound = h->max_events;
    while (position_cmp(h->removed.position, p) < 0 && h->events) {
        h->max_events = h->events - 1;
        retention_make_room_for_events(h, 0);
    }
    h->max_events = bound;
}

static void
roll(struct store *st)
{
    struct error err;
    ck_assert(open_segment_begin(&st->writer.at, 0, &err));
}

START_TEST(when_the_earliest_of_them_is_removed_the_id_is_unknown)
{
    struct store_settings s = history_settings();
    struct store *st = history_open(&s);
    bool found;
    struct position first = history_commit(st, "twice", 10);
    history_commit(st, "between", 10);
    roll(st);
    history_commit(st, "twice", 10);
    history_commit(st, "behind", 10);
    remove_to(st, first);
    history_find(st, "twice", &found);
    ck_assert(!found);
    history_find(st, "behind", &found);
    ck_assert(found);
    history_find(st, "between", &found); /* the last removed one */
    ck_assert(found);
    store_close(&st);
    st = history_open(&s);
    history_find(st, "twice", &found);
    ck_assert(!found);
    history_find(st, "between", &found);
    ck_assert(found);
    store_close(&st);
    history_remove();
}
END_TEST

static bool
has_position(struct store *st, struct position p)
{
    char id[POSITION_ID_LEN + 1];
    struct position at;
    bool found;
    ck_assert(position_id_write(&st->segments.key, p, id));
    ck_assert(find_position(&st->segments, SLICE_OF(id, POSITION_ID_LEN), &found, &at));
    ck_assert_int_eq(position_cmp(at, p), 0);
    return found;
}

/* Also one at which no update stands, and after a start, which has a run of its own. */
START_TEST(a_position_is_found_as_long_as_all_behind_it_is_held)
{
    struct store_settings s = history_settings();
    struct store *st = history_open(&s);
    struct position none = st->segments.removed.position, p;
    bool found;
    ck_assert(has_position(st, none));
    struct position first = history_commit(st, "first", 10);
    struct position second = history_commit(st, "second", 10);
    roll(st);
    struct position third = history_commit(st, "third", 10);
    ck_assert(has_position(st, none) && has_position(st, first) && has_position(st, third));
    ck_assert(!has_position(st, (struct position){third.run, third.sequence + 1}));
    remove_to(st, second);
    ck_assert(!has_position(st, none) && !has_position(st, first));
    ck_assert(has_position(st, second) && has_position(st, third));
    store_close(&st);
    st = history_open(&s);
    ck_assert(!has_position(st, first) && has_position(st, second) && has_position(st, third));
    ck_assert(!has_position(st, (struct position){third.run, third.sequence + 1}));
    history_commit(st, "fourth", 10);
    ck_assert(has_position(st, (struct position){third.run, third.sequence + 1}));
    ck_assert(!find_position(&st->segments, SLICE("third"), &found, &p));
    store_close(&st);
    history_remove();
}
END_TEST

/* Whoever saw the first of them has missed what stood between: the cursor must not be found. */
START_TEST(the_last_removed_id_is_unknown_if_it_was_there_before)
{
    struct store_settings s = history_settings();
    struct store *st = history_open(&s);
    bool found;
    history_commit(st, "twice", 10);
    history_commit(st, "between", 10);
    struct position second = history_commit(st, "twice", 10);
    roll(st);
    history_commit(st, "behind", 10);
    remove_to(st, second);
    history_find(st, "twice", &found);
    ck_assert(!found);
    store_close(&st);
    st = history_open(&s);
    history_find(st, "twice", &found);
    ck_assert(!found);
    store_close(&st);
    history_remove();
}
END_TEST

/* The last removed id may come again behind: then the earliest position is the removed one. */
START_TEST(the_last_removed_id_is_found_where_it_was)
{
    struct store_settings s = history_settings();
    struct store *st = history_open(&s);
    bool found;
    history_commit(st, "before", 10);
    struct position last = history_commit(st, "twice", 10);
    roll(st);
    history_commit(st, "behind", 10);
    history_commit(st, "twice", 10);
    remove_to(st, last);
    struct position p = history_find(st, "twice", &found);
    ck_assert(found);
    ck_assert_int_eq(position_cmp(p, last), 0);
    ck_assert_uint_eq(history_read(st, &p).count, 2);
    store_close(&st);
    history_remove();
}
END_TEST

START_TEST(an_id_that_is_too_long_for_a_header_is_a_cursor_while_it_is_held)
{
    static char id[SEGMENT_ID_MAX + 100];
    struct store_settings s = history_settings();
    struct store *st = history_open(&s);
    bool found;
    memset(id, 'i', sizeof id - 1);
    struct position p = history_commit(st, id, 10);
    history_find(st, id, &found);
    ck_assert(found);
    roll(st);
    history_commit(st, "behind", 10);
    history_find(st, id, &found);
    ck_assert(found);
    remove_to(st, p);
    store_close(&st);
    st = history_open(&s);
    ck_assert_uint_eq(history_read(st, NULL).count, 1);
    store_close(&st);
    history_remove();
}
END_TEST

START_TEST(reads_begin_and_end_in_the_middle_of_blocks)
{
    struct store_settings s = history_settings();
    s.max_bytes = 64 << 20;
    struct store *st = history_open(&s);
    struct position positions[600];
    for (unsigned i = 0; i < 600; i++) {
        char id[24];
        snprintf(id, sizeof id, "id-%u", i);
        positions[i] = history_commit(st, id, (i * 131) % 3000);
    }
    for (int again = 0; again < 2; again++) {
        for (unsigned i = 0; i < 600; i += 7) {
            struct held h = history_read(st, &positions[i]);
            ck_assert(!h.gone);
            ck_assert_uint_eq(h.count, 599 - i);
        }
        roll(st);
        history_keep(st);
    }
    store_close(&st);
    history_remove();
}
END_TEST

START_TEST(an_update_larger_than_a_block_is_read_whole)
{
    struct store_settings s = history_settings();
    s.max_bytes = 64 << 20;
    struct store *st = history_open(&s);
    for (unsigned i = 0; i < 10; i++) {
        history_commit_many(st, i * 3, i * 3 + 1, 10);
        history_commit_many(st, i * 3 + 1, i * 3 + 2, 4 * BLOCK_BYTES);
        history_commit_many(st, i * 3 + 2, i * 3 + 3, BLOCK_BYTES - 100);
    }
    ck_assert_uint_eq(history_read(st, NULL).count, 30);
    roll(st);
    history_keep(st);
    store_close(&st);
    st = history_open(&s);
    ck_assert_uint_eq(history_read(st, NULL).count, 30);
    store_close(&st);
    history_remove();
}
END_TEST

START_TEST(streams_that_read_the_same_share_one_piece)
{
    struct store_settings s = history_settings();
    struct store *st = history_open(&s);
    history_commit_many(st, 0, 50, 100);
    struct position a = {0}, b = {0};
    struct batch *one, *two;
    bool gone;
    reader_read(&st->reader, true, &a, &gone, &one);
    reader_read(&st->reader, true, &b, &gone, &two);
    ck_assert_ptr_nonnull(one);
    ck_assert_ptr_eq(one, two);
    batch_unref(&one);
    batch_unref(&two);
    store_close(&st);
    history_remove();
}
END_TEST

START_TEST(the_shared_pieces_are_bounded)
{
    struct store_settings s = history_settings();
    s.cache_bytes = 200000;
    s.max_bytes = 64 << 20;
    struct store *st = history_open(&s);
    history_commit_many(st, 0, 3000, 1000);
    for (int i = 0; i < 3; i++) {
        ck_assert_uint_eq(history_read(st, NULL).count, 3000);
        ck_assert_uint_le(st->reader.cached_bytes, 200000);
    }
    store_close(&st);
    history_remove();
}
END_TEST

/* --- damage met by a reader ---------------------------------------------------------------------
 */

START_TEST(damage_in_a_sealed_segment_costs_what_lies_before)
{
    struct store_settings s = history_settings();
    struct store *st = history_open(&s);
    char path[128];
    history_commit_many(st, 0, 400, 500);
    history_keep(st);
    history_nth(path, ".log", 1);
    history_flip(path, 20000);
    struct held h = history_read(st, NULL);
    ck_assert(h.gone); /* it never skips */
    h = history_read(st, NULL);
    ck_assert(!h.gone);
    ck_assert_uint_gt(h.count, 200);
    ck_assert_uint_lt(h.count, 330);
    ck_assert_str_eq(h.last_id, "id-399");
    bool found;
    history_find(st, "id-0", &found);
    ck_assert(!found);
    history_commit_many(st, 400, 1000, 500); /* retention takes what is damaged as all else */
    history_keep(st);
    ck_assert_uint_le(history_bytes(), s.max_bytes);
    store_close(&st);
    history_remove();
}
END_TEST

/* The youngest record of the file that is being written; later ones must still be replayed. */
START_TEST(damage_at_the_end_of_the_open_segment_spares_what_comes_later)
{
    struct store_settings s = history_settings();
    struct store *st = history_open(&s);
    char path[128];
    history_commit_many(st, 0, 10, 100);
    snprintf(path, sizeof path, "%s/%016llx-%016llx.log", history_path,
             (unsigned long long)st->segments.open->header.first.run,
             (unsigned long long)st->segments.open->header.first.sequence);
    history_flip(path, (off_t)st->segments.open->last_offset + 60);
    ck_assert(history_read(st, NULL).gone);
    ck_assert_uint_eq(history_read(st, NULL).count, 0);
    struct position last = st->writer.at.last;
    history_commit_many(st, 10, 15, 100);
    struct held h = history_read(st, &last);
    ck_assert(!h.gone);
    ck_assert_uint_eq(h.count, 5);
    ck_assert_uint_eq(history_read(st, NULL).count, 5);
    store_close(&st);
    st = history_open(&s);
    h = history_read(st, NULL);
    if (h.gone) /* noticed again by whoever reads it first */
        h = history_read(st, NULL);
    ck_assert_uint_eq(h.count, 5);
    store_close(&st);
    history_remove();
}
END_TEST

START_TEST(damage_in_the_open_segment_costs_what_lies_before)
{
    struct store_settings s = history_settings();
    struct store *st = history_open(&s);
    char path[128];
    history_commit_many(st, 0, 10, 100);
    history_nth(path, ".log", -1);
    history_flip(path, SEGMENT_HEADER + 100);
    ck_assert(history_read(st, NULL).gone);
    struct held h = history_read(st, NULL);
    ck_assert_uint_eq(h.count, 9);
    history_commit_many(st, 10, 20, 100);
    ck_assert_uint_eq(history_read(st, NULL).count, 19);
    store_close(&st);
    st = history_open(&s);
    h = history_read(st, NULL);
    if (h.gone) /* noticed again by whoever reads it first */
        h = history_read(st, NULL);
    ck_assert_uint_eq(h.count, 19);
    store_close(&st);
    history_remove();
}
END_TEST

/* What is written into a file without a name is lost: the next commit begins another. */
START_TEST(an_open_file_that_was_taken_away_is_left)
{
    struct store_settings s = history_settings();
    struct store *st = history_open(&s);
    char path[128];
    history_commit_many(st, 0, 10, 100);
    history_nth(path, ".log", -1);
    ck_assert_int_eq(unlink(path), 0);
    ck_assert(history_read(st, NULL).gone);
    history_commit_many(st, 10, 20, 100);
    ck_assert_uint_eq(history_read(st, NULL).count, 10);
    store_close(&st);
    st = history_open(&s);
    ck_assert_uint_eq(history_read(st, NULL).count, 10);
    store_close(&st);
    history_remove();
}
END_TEST

/* Nobody reads it, and yet it is noticed. */
START_TEST(an_emptied_folder_is_written_again)
{
    struct store_settings s = history_settings();
    struct store *st = history_open(&s);
    char path[128], **names;
    history_commit_many(st, 0, 10, 100);
    size_t n = history_names("", &names);
    for (size_t i = 0; i < n; i++) {
        history_file(path, names[i]);
        unlink(path);
    }
    history_free_names(names, n);
    history_keep(st);
    history_commit_many(st, 10, 20, 100);
    store_close(&st);
    st = history_open(&s);
    struct held h = history_read(st, NULL);
    ck_assert_uint_eq(h.count, 10);
    ck_assert_str_eq(h.first_id, "id-10");
    store_close(&st);
    history_remove();
}
END_TEST

START_TEST(a_file_that_was_taken_away_costs_what_lies_before)
{
    struct store_settings s = history_settings();
    struct store *st = history_open(&s);
    char path[128];
    history_commit_many(st, 0, 400, 500);
    history_keep(st);
    history_nth(path, ".log", 1);
    ck_assert_int_eq(unlink(path), 0);
    ck_assert(history_read(st, NULL).gone);
    struct held h = history_read(st, NULL);
    ck_assert(!h.gone);
    ck_assert_uint_gt(h.count, 100);
    ck_assert_str_eq(h.last_id, "id-399");
    store_close(&st);
    history_remove();
}
END_TEST

/* --- reads that fail ----------------------------------------------------------------------------
 */

/* Of 400 updates in several sealed segments, one file cannot be read. */
static struct store *
with_a_file_away(const struct store_settings *s, const char *suffix, char path[128])
{
    struct store *st = history_open(s);
    history_commit_many(st, 0, 400, 500);
    history_keep(st);
    store_close(&st);
    st = history_open(s); /* so that nothing of it is in memory */
    history_nth(path, suffix, 1);
    history_take_away(path);
    return st;
}

START_TEST(what_cannot_be_read_now_is_replayed_later)
{
    struct store_settings s = history_settings();
    char path[128];
    struct store *st = with_a_file_away(&s, ".log", path);
    struct position removed = st->segments.removed.position;
    for (int i = 0; i < 3; i++) {
        struct held h = history_read(st, NULL);
        ck_assert(h.gone); /* the stream ends, and comes back */
        ck_assert_uint_lt(h.count, 200);
        history_keep(st);
    }
    ck_assert_int_eq(position_cmp(st->segments.removed.position, removed), 0);
    ck_assert_uint_eq(st->segments.events, 400);
    history_give_back(path);
    struct held h = history_read(st, NULL);
    ck_assert(!h.gone);
    ck_assert_uint_eq(h.count, 400);
    store_close(&st);
    history_remove();
}
END_TEST

/* In the file that cannot be read it may be, or may be first. */
START_TEST(what_cannot_be_looked_up_now_is_neither_found_nor_unknown)
{
    struct store_settings s = history_settings();
    struct position p;
    char path[128], index_path[128];
    bool found;
    struct store *st = with_a_file_away(&s, ".log", path);
    history_nth(index_path, ".idx", 1);
    history_take_away(index_path);
    ck_assert(find_id(&st->segments, SLICE("id-0"), &found, &p) && found); /* in the file before */
    ck_assert(!find_id(&st->segments, SLICE("id-150"), &found, &p));
    ck_assert(!find_id(&st->segments, SLICE("id-399"), &found, &p));
    ck_assert(!find_id(&st->segments, SLICE("nowhere"), &found, &p));
    history_give_back(index_path);
    ck_assert(find_id(&st->segments, SLICE("id-399"), &found, &p) && found);
    ck_assert(!find_id(&st->segments, SLICE("id-150"), &found, &p)); /* its record is to be seen */
    history_give_back(path);
    ck_assert(find_id(&st->segments, SLICE("id-150"), &found, &p) && found);
    ck_assert(find_id(&st->segments, SLICE("nowhere"), &found, &p) && !found);
    store_close(&st);
    history_remove();
}
END_TEST

START_TEST(an_index_that_goes_while_it_is_used_is_made_again)
{
    struct store_settings s = history_settings();
    struct store *st = history_open(&s);
    char path[128];
    bool found;
    history_commit_many(st, 0, 400, 500);
    history_keep(st);
    history_nth(path, ".idx", 1);
    history_take_away(path);
    history_find(st, "id-150", &found);
    ck_assert(found);
    history_give_back(path);
    ck_assert_int_eq(unlink(path), 0);
    history_keep(st);
    ck_assert_int_eq(access(path, F_OK), 0);
    ck_assert_uint_eq(history_read(st, NULL).count, 400); /* which finds each of them */
    history_flip(path, 300);                              /* an offset, or a hash */
    ck_assert_uint_eq(history_read(st, NULL).count, 400);
    store_close(&st);
    history_remove();
}
END_TEST

/* Else its second coming would be taken for its first once that is removed, and a cursor would skip
 * what lies between. */
START_TEST(an_id_that_cannot_be_looked_up_counts_as_known)
{
    struct store_settings s = history_settings();
    char path[128], index_path[128];
    bool found;
    struct store *st = with_a_file_away(&s, ".log", path);
    history_nth(index_path, ".idx", 1);
    history_take_away(index_path);
    struct position p = history_commit(st, "id-150", 10);
    history_give_back(index_path);
    history_give_back(path);
    remove_to(st, (struct position){p.run - 1, 399});
    history_find(st, "id-150", &found);
    ck_assert(!found);
    store_close(&st);
    history_remove();
}
END_TEST

START_TEST(what_cannot_be_read_for_a_good_while_costs_what_lies_before)
{
    struct store_settings s = history_settings();
    char path[128];
    struct store *st = with_a_file_away(&s, ".log", path);
    ck_assert(history_read(st, NULL).gone);
    LIST_EACH(node, after, &st->segments.held)
    {
        struct segment *g = segments_at(node);
        ck_assert_int_eq(g->patience_ends_ms != 0, node == st->segments.held.next->next);
        if (g->patience_ends_ms)
            g->patience_ends_ms = 1;
    }
    ck_assert(history_read(st, NULL).gone);
    struct held h = history_read(st, NULL);
    ck_assert(!h.gone);
    ck_assert_uint_gt(h.count, 100);
    ck_assert_uint_lt(h.count, 300);
    ck_assert_str_eq(h.last_id, "id-399");
    rmdir(path);
    store_close(&st);
    history_remove();
}
END_TEST

UNIT_MAIN("replay", of_several_updates_with_one_id_the_earliest_is_found,
          one_commit_may_hold_an_id_twice, when_the_earliest_of_them_is_removed_the_id_is_unknown,
          the_last_removed_id_is_unknown_if_it_was_there_before,
          the_last_removed_id_is_found_where_it_was,
          a_position_is_found_as_long_as_all_behind_it_is_held,
          an_id_that_is_too_long_for_a_header_is_a_cursor_while_it_is_held,
          reads_begin_and_end_in_the_middle_of_blocks, an_update_larger_than_a_block_is_read_whole,
          streams_that_read_the_same_share_one_piece, the_shared_pieces_are_bounded,
          damage_in_a_sealed_segment_costs_what_lies_before,
          damage_at_the_end_of_the_open_segment_spares_what_comes_later,
          damage_in_the_open_segment_costs_what_lies_before,
          an_open_file_that_was_taken_away_is_left, an_emptied_folder_is_written_again,
          a_file_that_was_taken_away_costs_what_lies_before,
          what_cannot_be_read_now_is_replayed_later,
          what_cannot_be_looked_up_now_is_neither_found_nor_unknown,
          an_index_that_goes_while_it_is_used_is_made_again,
          an_id_that_cannot_be_looked_up_counts_as_known,
          what_cannot_be_read_for_a_good_while_costs_what_lies_before)
