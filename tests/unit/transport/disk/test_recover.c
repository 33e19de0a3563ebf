/* The start: what an earlier run left, torn, damaged, cut, missing, of another version.
 *
 * Threads meet here. */

#include "transport/disk/file.h"
#include "transport/disk/lock.h"
#include "unit/guard.h"
#include "unit/transport/disk/history.h"

#include <pthread.h>
#include <stdatomic.h>

/* A history of several segments, closed. */
static void
make_history(struct store_settings *s, unsigned count)
{
    *s = history_settings();
    struct store *st = history_open(s);
    history_commit_many(st, 0, count, 500);
    history_keep(st);
    store_close(&st);
}

static struct held
reopen(const struct store_settings *s)
{
    struct store *st = history_open(s);
    struct held h = history_read(st, NULL);
    ck_assert(!h.gone);
    ck_assert_uint_eq(st->segments.events, h.count);
    history_commit(st, "more", 10);
    store_close(&st);
    st = history_open(s);
    struct held again = history_read(st, NULL);
    ck_assert_uint_eq(again.count, h.count + 1);
    ck_assert_str_eq(again.last_id, "more");
    store_close(&st);
    return h;
}

START_TEST(all_is_there_after_a_restart_and_runs_grow)
{
    struct store_settings s;
    make_history(&s, 400);
    struct held h = reopen(&s);
    ck_assert_uint_eq(h.count, 400);
    ck_assert_str_eq(h.first_id, "id-0");
    struct store *st = history_open(&s);
    uint64_t run = st->segments.run;
    store_close(&st);
    st = history_open(&s);
    ck_assert_uint_gt(st->segments.run, run);
    struct position p = history_commit(st, "again", 10);
    ck_assert_uint_eq(p.run, st->segments.run);
    store_close(&st);
    history_remove();
}
END_TEST

START_TEST(many_restarts_without_an_update_leave_nothing_behind)
{
    struct store_settings s;
    char **names;
    make_history(&s, 20);
    for (int i = 0; i < 50; i++) {
        struct store *st = history_open(&s);
        history_keep(st);
        store_close(&st);
    }
    size_t n = history_names(".log", &names);
    history_free_names(names, n);
    ck_assert_uint_le(n, 3);
    ck_assert_uint_eq(reopen(&s).count, 20);
    history_remove();
}
END_TEST

START_TEST(a_start_that_died_at_any_point_loses_nothing)
{
    struct store_settings s;
    char path[128], other[128];
    make_history(&s, 100);
    snprintf(path, sizeof path, "%s/00000000000000ff-0000000000000001.new", history_path);
    close(open(path, O_CREAT | O_WRONLY, 0600));
    snprintf(other, sizeof other, "%s/prepared.tmp", history_path);
    close(open(other, O_CREAT | O_WRONLY, 0600));
    ck_assert_uint_eq(reopen(&s).count, 100);
    ck_assert_int_ne(access(path, F_OK), 0);
    snprintf(path, sizeof path, "%s/prepared", history_path);
    truncate(path, 1000);
    ck_assert_uint_eq(reopen(&s).count, 101);
    history_remove();
}
END_TEST

START_TEST(missing_and_damaged_indexes_are_made_again)
{
    struct store_settings s;
    char path[128];
    bool found;
    for (int how = 0; how < 3; how++) {
        make_history(&s, 400);
        history_nth(path, ".idx", 0);
        if (how == 0)
            unlink(path);
        else if (how == 1)
            history_flip(path, 200);
        else
            ck_assert_int_eq(truncate(path, 90), 0);
        struct store *st = history_open(&s);
        history_find(st, "id-3", &found);
        ck_assert(found);
        ck_assert_uint_eq(history_read(st, NULL).count, 400);
        history_keep(st);
        ck_assert_int_eq(access(path, F_OK), 0);
        store_close(&st);
        st = history_open(&s);
        history_find(st, "id-3", &found);
        ck_assert(found);
        store_close(&st);
        history_remove();
    }
}
END_TEST

START_TEST(there_is_room_for_indexes_that_are_made_again)
{
    struct store_settings s = history_settings();
    char path[128], **names;
    for (int round = 0; round < 6; round++) {
        struct store *st = history_open(&s);
        for (unsigned i = 0; i < 40; i++) {
            history_commit_many(st, i * 60, i * 60 + 60, (unsigned)round * 50);
            ck_assert_uint_le(history_bytes(), s.max_bytes);
            history_keep(st);
            ck_assert_uint_le(history_bytes(), s.max_bytes);
        }
        store_close(&st);
        size_t n = history_names(".idx", &names);
        ck_assert_uint_gt(n, 0);
        for (size_t i = 0; i < n; i++) {
            history_file(path, names[i]);
            unlink(path);
        }
        history_free_names(names, n);
        st = history_open(&s);
        ck_assert_uint_le(history_bytes(), s.max_bytes);
        history_keep(st);
        ck_assert_uint_le(history_bytes(), s.max_bytes);
        store_close(&st);
    }
    history_remove();
}
END_TEST

/* An index of another file under this one's name. */
START_TEST(an_index_that_belongs_to_another_segment_is_not_believed)
{
    struct store_settings s;
    char one[128], two[128];
    bool found;
    make_history(&s, 400);
    history_nth(one, ".idx", 0);
    history_nth(two, ".idx", 1);
    ck_assert_int_eq(rename(one, two), 0);
    struct store *st = history_open(&s);
    for (unsigned i = 0; i < 400; i += 13) {
        char id[24];
        snprintf(id, sizeof id, "id-%u", i);
        history_find(st, id, &found);
        ck_assert(found);
    }
    store_close(&st);
    history_remove();
}
END_TEST

START_TEST(a_missing_file_costs_what_lies_before_it)
{
    struct store_settings s;
    char path[128];
    make_history(&s, 400);
    history_nth(path, ".log", 1);
    unlink(path);
    struct held h = reopen(&s);
    ck_assert_uint_gt(h.count, 100);
    ck_assert_uint_lt(h.count, 300);
    ck_assert_str_eq(h.last_id, "id-399");
    ck_assert_uint_gt(h.removed.sequence, 0);
    history_remove();
}
END_TEST

START_TEST(a_file_cut_short_costs_what_lies_before_its_end)
{
    struct store_settings s;
    char path[128];
    make_history(&s, 400);
    history_nth(path, ".log", 1);
    ck_assert_int_eq(truncate(path, 30000), 0);
    struct held h = reopen(&s);
    ck_assert_uint_gt(h.count, 100);
    ck_assert_uint_lt(h.count, 300);
    ck_assert_str_eq(h.last_id, "id-399");
    history_remove();
}
END_TEST

START_TEST(a_damaged_header_costs_what_lies_before_it)
{
    struct store_settings s;
    char path[128];
    make_history(&s, 400);
    history_nth(path, ".log", 1);
    history_flip(path, 20);
    struct held h = reopen(&s);
    ck_assert_uint_gt(h.count, 100);
    ck_assert_uint_lt(h.count, 300);
    history_remove();
}
END_TEST

START_TEST(a_damaged_youngest_header_costs_all_and_no_position_comes_twice)
{
    struct store_settings s;
    char path[128];
    make_history(&s, 400);
    struct store *st = history_open(&s);
    struct position last = history_commit(st, "last", 10);
    store_close(&st);
    history_nth(path, ".log", -1);
    history_flip(path, 20);
    st = history_open(&s);
    ck_assert_uint_eq(history_read(st, NULL).count, 0);
    ck_assert(history_read(st, &last).gone);
    ck_assert_int_gt(position_cmp(history_commit(st, "next", 10), last), 0);
    ck_assert_uint_eq(history_read(st, NULL).count, 1);
    store_close(&st);
    ck_assert_uint_eq(reopen(&s).count, 1);
    history_remove();
}
END_TEST

START_TEST(an_empty_file_in_the_place_of_the_youngest_ends_nothing)
{
    struct store_settings s;
    char path[128];
    make_history(&s, 40);
    snprintf(path, sizeof path, "%s/00000000000000ff-0000000000000001.log", history_path);
    close(open(path, O_CREAT | O_WRONLY, 0600));
    struct store *st = history_open(&s);
    ck_assert_uint_eq(history_read(st, NULL).count, 0);
    ck_assert_uint_gt(st->segments.run, 0xff);
    store_close(&st);
    history_remove();
}
END_TEST

/* The last file: every byte of its last commits. */
START_TEST(the_last_file_may_be_torn_anywhere)
{
    struct store_settings s = history_settings();
    struct store *st = history_open(&s);
    char path[128];
    size_t ends[12];
    for (unsigned i = 0; i < 12; i++) {
        history_commit_many(st, i, i + 1, i * 5);
        ends[i] = st->segments.open->length;
    }
    store_close(&st);
    history_nth(path, ".log", -1);
    char *whole = xalloc(ends[11]);
    int fd = open(path, O_RDONLY);
    ck_assert_int_eq(pread(fd, whole, ends[11], 0), (ssize_t)ends[11]);
    close(fd);
    for (size_t cut = ends[11]; cut >= ends[0]; cut -= 3) {
        history_remove();
        s = history_settings();
        history_file(path, "0000000000000001-0000000000000001.log");
        fd = open(path, O_CREAT | O_RDWR, 0600);
        ck_assert_int_eq(pwrite(fd, whole, cut, 0), (ssize_t)cut);
        ck_assert_int_eq(ftruncate(fd, 65536), 0); /* zeros, as it was filled */
        close(fd);
        unsigned want = 0;
        while (want < 12 && ends[want] <= cut)
            want++;
        st = history_open(&s);
        struct held h = history_read(st, NULL);
        /* What is cut off may be the zeros that fill a record up. */
        bool almost = want < 12 && ends[want] - cut < DISK_RECORD_ALIGN && h.count == want + 1;
        ck_assert_msg(h.count == want || almost, "%u, not %u", h.count, want);
        store_close(&st);
    }
    free(whole);
    history_remove();
}
END_TEST

START_TEST(damage_in_the_last_file_is_told_from_a_tear)
{
    struct store_settings s = history_settings();
    struct store *st = history_open(&s);
    char path[128];
    history_commit_many(st, 0, 3, 50);
    size_t third = st->segments.open->last_offset;
    history_commit_many(st, 3, 6, 50);
    size_t last = st->segments.open->last_offset;
    store_close(&st);
    history_nth(path, ".log", -1);
    history_flip(path, (off_t)third + 50);
    st = history_open(&s);
    struct held h = history_read(st, NULL);
    ck_assert_uint_eq(h.count, 3);
    ck_assert_str_eq(h.first_id, "id-3");
    bool found;
    history_find(st, "id-1", &found);
    ck_assert(!found);
    history_find(st, "id-4", &found);
    ck_assert(found);
    store_close(&st);
    st = history_open(&s); /* and once more, when it is not the last file any more */
    history_commit(st, "more", 10);
    h = history_read(st, NULL);
    if (h.gone)
        h = history_read(st, NULL);
    ck_assert_uint_eq(h.count, 4);
    ck_assert_str_eq(h.first_id, "id-3");
    store_close(&st);
    (void)last;
    history_remove();
}
END_TEST

START_TEST(damage_in_the_last_file_costs_the_files_before_it_too)
{
    struct store_settings s;
    char path[128];
    make_history(&s, 400);
    struct store *st = history_open(&s);
    history_commit_many(st, 400, 410, 100);
    store_close(&st);
    history_nth(path, ".log", -1);
    history_flip(path, SEGMENT_HEADER + 100);
    st = history_open(&s);
    struct held h = history_read(st, NULL);
    ck_assert(!h.gone);
    ck_assert_uint_eq(h.count, 9);
    ck_assert_str_eq(h.first_id, "id-401");
    bool found; /* a cursor that is found must not lead to what is gone */
    history_find(st, "id-3", &found);
    ck_assert(!found);
    ck_assert_uint_eq(st->segments.removed.id_len, 0);
    store_close(&st);
    history_remove();
}
END_TEST

/* Whoever publishes knows the format, and a crash may come in the middle of what he wrote. */
START_TEST(a_torn_update_full_of_heads_takes_nothing_with_it)
{
    struct store_settings s;
    char path[128];
    make_history(&s, 400);
    struct store *st = history_open(&s);
    history_commit_many(st, 400, 410, 10);
    struct position before = history_commit(st, "kept", 10), p;
    uint64_t from = st->segments.open->length;
    p = history_commit(st, "torn", 50000);
    uint64_t length = st->segments.open->length;
    store_close(&st);
    history_nth(path, ".log", -1);
    int fd = open(path, O_RDWR);
    char head[24] = "";
    for (uint64_t at = from; at + 24 <= length; at += 24) {
        le32_put(head, (uint32_t)((length - at) / 8 * 8));
        le32_put(head + 12, (uint32_t)length - 8);
        le64_put(head + 16, p.sequence);
        ck_assert_int_eq(pwrite(fd, head, sizeof head, (off_t)at), (ssize_t)sizeof head);
    }
    close(fd);
    st = history_open(&s);
    struct held h = history_read(st, NULL);
    ck_assert_uint_eq(h.count, 411);
    ck_assert_str_eq(h.last_id, "kept");
    ck_assert(!history_read(st, &before).gone);
    history_commit(st, "next", 10);
    store_close(&st);
    st = history_open(&s);
    ck_assert_uint_eq(history_read(st, NULL).count, 412);
    ck_assert_uint_eq(history_read(st, &before).count, 1);
    store_close(&st);
    history_remove();
}
END_TEST

/* Files as format 2 has them: sequences without gaps, so that records were not counted. */
static void
sign_as_dense(char *bytes, size_t len)
{
    struct segment_header h;
    ck_assert_int_eq(segment_header_read(SLICE_OF(bytes, len), &h), SEGMENT_OK);
    le32_put(bytes + 8, SEGMENT_VERSION_DENSE);
    le32_put(bytes + SEGMENT_HEADER - 8, 0);
    uint32_t previous = crc_add(~0u, SLICE_OF(bytes, SEGMENT_HEADER - 4)), length;
    le32_put(bytes + SEGMENT_HEADER - 4, previous);
    for (size_t at = SEGMENT_HEADER; at < len && (length = le32_get(bytes + at)) != 0;
         at += length) {
        le32_put(bytes + at + 8, previous);
        sign_record(bytes + at, length, h.salt);
        previous = le32_get(bytes + at + 4);
    }
}

static void
sign_index_as_dense(char *bytes, size_t len)
{
    le32_put(bytes + 8, SEGMENT_VERSION_DENSE);
    le32_put(bytes + 72, 0);
    le32_put(bytes + len - 4, crc_add(~0u, SLICE_OF(bytes, len - 4)));
}

static void
rewrite(const char *suffix, void (*how)(char *, size_t))
{
    char path[128], **names, *bytes;
    size_t n = history_names(suffix, &names), len;
    int folder = open(history_path, O_DIRECTORY);
    for (size_t i = 0; i < n; i++) {
        ck_assert(file_read_whole(folder, names[i], 0, &bytes, &len));
        how(bytes, len);
        history_file(path, names[i]);
        int fd = open(path, O_WRONLY);
        ck_assert(file_write_at(fd, SLICE_OF(bytes, len), 0));
        close(fd);
        free(bytes);
    }
    close(folder);
    history_free_names(names, n);
}

START_TEST(a_history_of_the_format_before_is_read_and_goes_on)
{
    struct store_settings s = history_settings();
    struct store *st = history_open(&s);
    bool found;
    history_commit_many(st, 0, 400, 500);
    history_keep(st);
    store_close(&st);
    rewrite(".log", sign_as_dense);
    rewrite(".idx", sign_index_as_dense);
    for (int again = 0; again < 2; again++) {
        st = history_open(&s);
        ck_assert_uint_eq(st->segments.events, 400 + again * 100);
        struct position p = history_find(st, "id-123", &found);
        ck_assert(found);
        ck_assert_uint_eq(history_read(st, &p).count, 276 + again * 100);
        ck_assert_uint_eq(history_read(st, NULL).count, 400 + again * 100);
        history_commit_many(st, 400 + again * 100, 500 + again * 100, 100);
        history_keep(st);
        LIST_EACH(node, after, &st->segments.held)
        {
            ck_assert(!segments_at(node)->lost && !segments_at(node)->damaged);
        }
        store_close(&st);
    }
    history_remove();
}
END_TEST

START_TEST(another_version_is_refused_and_named)
{
    struct store_settings s;
    struct error err = {""};
    char path[128], header[SEGMENT_HEADER];
    make_history(&s, 10);
    history_nth(path, ".log", -1);
    int fd = open(path, O_RDWR);
    ck_assert_int_eq(pread(fd, header, sizeof header, 0), (ssize_t)sizeof header);
    le32_put(header + 8, SEGMENT_VERSION + 1);
    le32_put(header + sizeof header - 4, crc_add(~0u, SLICE_OF(header, sizeof header - 4)));
    ck_assert_int_eq(pwrite(fd, header, sizeof header, 0), (ssize_t)sizeof header);
    close(fd);
    ck_assert_ptr_null(store_open(&s, &err));
    ck_assert_ptr_nonnull(strstr(err.text, path));
    ck_assert_ptr_nonnull(strstr(err.text, "version"));
    history_remove();
}
END_TEST

START_TEST(a_second_hub_is_refused_and_changes_nothing)
{
    struct store_settings s;
    struct error err = {""};
    make_history(&s, 10);
    struct store *st = history_open(&s);
    char **names;
    size_t before = history_names("", &names), after;
    history_free_names(names, before);
    ck_assert_ptr_null(store_open(&s, &err));
    ck_assert_ptr_nonnull(strstr(err.text, "another hub"));
    after = history_names("", &names);
    history_free_names(names, after);
    ck_assert_uint_eq(before, after);
    history_commit(st, "more", 10);
    ck_assert_uint_eq(history_read(st, NULL).count, 11);
    store_close(&st);
    history_remove();
}
END_TEST

START_TEST(who_only_reads_sees_what_is_committed_and_changes_nothing)
{
    struct store_settings s = history_settings(), reads = s;
    struct store *st = history_open(&s);
    struct lock_note note;
    reads.only_reads = true;
    ck_assert(lock_is_held(st->segments.folder.fd, &note));
    ck_assert_int_eq(position_cmp(note.file, st->segments.open->header.first), 0);
    ck_assert_uint_eq(note.length, SEGMENT_HEADER);
    for (unsigned i = 0; i < 8; i++) {
        history_commit_many(st, i * 50, i * 50 + 50, 500);
        history_keep(st);
        uint64_t bytes = history_bytes();
        struct store *beside = history_open(&reads);
        struct held h = history_read(beside, NULL);
        ck_assert(!h.gone);
        ck_assert_uint_eq(h.count, i * 50 + 50);
        store_close(&beside);
        ck_assert_uint_eq(history_bytes(), bytes);
    }
    store_close(&st);
    struct store *beside = history_open(&reads);
    ck_assert_uint_eq(history_read(beside, NULL).count, 400);
    store_close(&beside);
    history_remove();
}
END_TEST

static atomic_bool reading_is_over;

static void *
write_and_remove(void *store)
{
    for (unsigned i = 0; !atomic_load(&reading_is_over); i++) {
        history_commit_many(store, i, i + 1, 10);
        if (i % 8 == 0)
            history_keep(store);
    }
    return NULL;
}

/* Retention takes files while they are listed; that is no fault of the folder. */
START_TEST(who_only_reads_is_not_put_off_by_files_that_go_meanwhile)
{
    struct store_settings s = history_settings(), reads = s;
    reads.only_reads = true;
    s.max_events = 16; /* each update has a file of its own */
    struct store *st = history_open(&s);
    pthread_t writer;
    history_commit_many(st, 0, 16, 10);
    ck_assert_int_eq(pthread_create(&writer, NULL, write_and_remove, st), 0);
    for (int i = 0; i < 300; i++) {
        struct store *beside = history_open(&reads);
        store_close(&beside);
    }
    atomic_store(&reading_is_over, true);
    pthread_join(writer, NULL);
    store_close(&st);
    history_remove();
}
END_TEST

START_TEST(a_folder_that_cannot_be_is_named)
{
    struct error err = {""};
    struct store_settings s = history_settings();
    s.path = "/dev/null/history";
    ck_assert_ptr_null(store_open(&s, &err));
    ck_assert_ptr_nonnull(strstr(err.text, "/dev/null"));
    s.path = "";
    ck_assert_ptr_null(store_open(&s, &err));
    s.path = "/proc/alipes-history";
    ck_assert_ptr_null(store_open(&s, &err));
    ck_assert_ptr_nonnull(strstr(err.text, "/proc/alipes-history"));
    history_remove();
}
END_TEST

/* A smaller history than before. */
START_TEST(smaller_bounds_than_before_are_met_at_the_start)
{
    struct store_settings s = history_settings();
    s.max_bytes = 8 << 20;
    struct store *st = history_open(&s);
    history_commit_many(st, 0, 3000, 1000);
    history_keep(st);
    store_close(&st);
    s.max_bytes = 1 << 20;
    s.max_events = 500;
    st = history_open(&s);
    history_commit(st, "more", 10);
    history_keep(st);
    struct held h = history_read(st, NULL);
    ck_assert(!h.gone);
    ck_assert_uint_le(h.count, 500);
    ck_assert_str_eq(h.last_id, "more");
    ck_assert_uint_le(history_bytes(), s.max_bytes);
    store_close(&st);
    history_remove();
}
END_TEST

/* --- whose files they are -----------------------------------------------------------------------
 */

static void
put_file(const char *name, const char *text)
{
    char path[128];
    history_file(path, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

static bool
is_there(const char *name)
{
    char path[128];
    history_file(path, name);
    return access(path, F_OK) == 0;
}

START_TEST(only_what_we_left_behind_ourselves_is_removed)
{
    static const char *const ours[] = {"0000000000000007-0000000000000001.new",
                                       "0000000000000007-0000000000000001.idx",
                                       "0000000000000001-0000000000000001.idx.tmp", "prepared.tmp"};
    static const char *const others[] = {"notes.tmp",
                                         "report.new",
                                         ".hidden.new",
                                         "a.idx.tmp",
                                         "0000000000000007-0000000000000001.new.tmp",
                                         "7-1.new",
                                         "prepared.new",
                                         "0.idx"};
    struct store_settings s;
    make_history(&s, 100);
    for (size_t i = 0; i < COUNT_OF(ours); i++)
        put_file(ours[i], "half");
    for (size_t i = 0; i < COUNT_OF(others); i++)
        put_file(others[i], "precious");
    ck_assert_uint_eq(reopen(&s).count, 100);
    for (size_t i = 0; i < COUNT_OF(ours); i++)
        ck_assert_msg(!is_there(ours[i]), "%s", ours[i]);
    for (size_t i = 0; i < COUNT_OF(others); i++)
        ck_assert_msg(is_there(others[i]), "%s", others[i]);
    history_remove();
}
END_TEST

START_TEST(a_folder_of_somebody_else_is_not_begun_in)
{
    struct store_settings s = history_settings();
    struct error err = {""};
    put_file("notes.tmp", "precious");
    ck_assert_ptr_null(store_open(&s, &err));
    ck_assert_ptr_nonnull(strstr(err.text, "notes.tmp"));
    ck_assert_ptr_nonnull(strstr(err.text, history_path));
    ck_assert(is_there("notes.tmp") && !is_there("lock") && !is_there("prepared"));
    history_remove();
    s = history_settings(); /* a lock that is none of ours */
    put_file("lock", "of another program");
    ck_assert_ptr_null(store_open(&s, &err));
    ck_assert_ptr_nonnull(strstr(err.text, "no lock of a history"));
    history_remove();
    s = history_settings(); /* what says nothing about that */
    put_file("lost+found", "");
    put_file(".keep", "");
    put_file("lock", "pi"); /* after a crash */
    struct store *st = history_open(&s);
    store_close(&st);
    history_remove();
}
END_TEST

/* Taken for missing, it would be a break in the history, and the next header would write it down.
 */
START_TEST(a_file_that_cannot_be_looked_at_is_a_start_that_fails)
{
    struct store_settings s;
    struct error err = {""};
    char path[128];
    make_history(&s, 400);
    for (int which = 0; which < 3; which++) {
        history_nth(path, ".log", which);
        history_take_away(path);
        ck_assert_ptr_null(store_open(&s, &err));
        ck_assert_ptr_nonnull(strstr(err.text, strrchr(path, '/')));
        history_give_back(path);
    }
    ck_assert_uint_eq(reopen(&s).count, 400);
    history_remove();
}
END_TEST

UNIT_MAIN("recover", all_is_there_after_a_restart_and_runs_grow,
          many_restarts_without_an_update_leave_nothing_behind,
          a_start_that_died_at_any_point_loses_nothing, missing_and_damaged_indexes_are_made_again,
          there_is_room_for_indexes_that_are_made_again,
          an_index_that_belongs_to_another_segment_is_not_believed,
          a_missing_file_costs_what_lies_before_it, a_file_cut_short_costs_what_lies_before_its_end,
          a_damaged_header_costs_what_lies_before_it,
          a_damaged_youngest_header_costs_all_and_no_position_comes_twice,
          an_empty_file_in_the_place_of_the_youngest_ends_nothing,
          the_last_file_may_be_torn_anywhere, damage_in_the_last_file_is_told_from_a_tear,
          damage_in_the_last_file_costs_the_files_before_it_too,
          a_torn_update_full_of_heads_takes_nothing_with_it,
          a_history_of_the_format_before_is_read_and_goes_on, another_version_is_refused_and_named,
          a_second_hub_is_refused_and_changes_nothing,
          who_only_reads_sees_what_is_committed_and_changes_nothing,
          who_only_reads_is_not_put_off_by_files_that_go_meanwhile,
          a_folder_that_cannot_be_is_named, smaller_bounds_than_before_are_met_at_the_start,
          only_what_we_left_behind_ourselves_is_removed, a_folder_of_somebody_else_is_not_begun_in,
          a_file_that_cannot_be_looked_at_is_a_start_that_fails)
