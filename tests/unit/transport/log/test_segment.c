/* Segments: headers, names, the walk that tells a tear from damage, and indexes. */

#include "transport/log/segment.h"

#include "base/clock.h"
#include "unit/guard.h"
#include "unit/transport/log/updates.h"

enum {
    SALT = 4711,
    RECORDS = 12,
};

/* --- headers and names --------------------------------------------------------------------------
 */

static struct segment_header
some_header(struct slice id)
{
    return (struct segment_header){.salt = SALT,
                                   .first = {3, 100},
                                   .created_ms = 1,
                                   .before = {2, 99},
                                   .before_file = {2, 50},
                                   .before_length = 8192,
                                   .before_time_ms = 5,
                                   .key = {{6, 7}},
                                   .has_before_id = id.ptr != NULL,
                                   .before_id = id};
}

START_TEST(a_header_comes_back)
{
    char bytes[SEGMENT_HEADER];
    struct segment_header w = some_header(SLICE("the last id")), r;
    segment_header_write(bytes, &w);
    ck_assert_int_eq(segment_header_read(guard_copy(SLICE_OF(bytes, sizeof bytes)), &r),
                     SEGMENT_OK);
    ck_assert_uint_eq(r.crc, w.crc);
    ck_assert_uint_eq(r.salt, SALT);
    ck_assert_int_eq(position_cmp(r.first, w.first), 0);
    ck_assert_int_eq(position_cmp(r.before, w.before), 0);
    ck_assert_int_eq(position_cmp(r.before_file, w.before_file), 0);
    ck_assert_uint_eq(r.before_length, 8192);
    ck_assert_uint_eq(r.before_time_ms, 5);
    ck_assert_uint_eq(r.key.words[1], 7);
    ck_assert(r.has_before_id && slice_eq(r.before_id, SLICE("the last id")));
}
END_TEST

START_TEST(an_empty_id_is_one_and_one_that_is_too_long_is_not_kept)
{
    static char long_id[SEGMENT_ID_MAX + 1];
    char bytes[SEGMENT_HEADER];
    static const size_t lengths[] = {0, 1, SEGMENT_ID_MAX, SEGMENT_ID_MAX + 1};
    for (size_t i = 0; i < COUNT_OF(lengths); i++) {
        struct segment_header w = some_header(SLICE_OF(long_id, lengths[i])), r;
        segment_header_write(bytes, &w);
        ck_assert_int_eq(segment_header_read(SLICE_OF(bytes, sizeof bytes), &r), SEGMENT_OK);
        ck_assert_int_eq(r.has_before_id, lengths[i] <= SEGMENT_ID_MAX);
        ck_assert_uint_eq(r.before_id.len, r.has_before_id ? lengths[i] : 0);
    }
    struct segment_header none = some_header(SLICE_OF(NULL, 0)), r;
    segment_header_write(bytes, &none);
    ck_assert_int_eq(segment_header_read(SLICE_OF(bytes, sizeof bytes), &r), SEGMENT_OK);
    ck_assert(!r.has_before_id);
}
END_TEST

START_TEST(a_header_that_is_cut_or_flipped_is_bad)
{
    char bytes[SEGMENT_HEADER];
    struct segment_header w = some_header(SLICE("id")), r;
    segment_header_write(bytes, &w);
    for (size_t len = 0; len < sizeof bytes; len++)
        ck_assert_int_eq(segment_header_read(guard_copy(SLICE_OF(bytes, len)), &r), SEGMENT_BAD);
    for (size_t bit = 0; bit < sizeof bytes * 8; bit++) {
        bytes[bit / 8] = (char)(bytes[bit / 8] ^ 1 << bit % 8);
        ck_assert_int_eq(segment_header_read(SLICE_OF(bytes, sizeof bytes), &r), SEGMENT_BAD);
        bytes[bit / 8] = (char)(bytes[bit / 8] ^ 1 << bit % 8);
    }
}
END_TEST

START_TEST(another_version_is_told_from_damage)
{
    char bytes[SEGMENT_HEADER];
    struct segment_header w = some_header(SLICE("id")), r;
    segment_header_write(bytes, &w);
    le32_put(bytes + 8, SEGMENT_VERSION + 1);
    ck_assert_int_eq(segment_header_read(SLICE_OF(bytes, sizeof bytes), &r), SEGMENT_BAD);
    le32_put(bytes + sizeof bytes - 4, log_record_crc(~0u, SLICE_OF(bytes, sizeof bytes - 4)));
    ck_assert_int_eq(segment_header_read(SLICE_OF(bytes, sizeof bytes), &r), SEGMENT_OTHER_VERSION);
}
END_TEST

START_TEST(names_come_back_and_others_are_refused)
{
    static const char *const others[] = {"",
                                         ".log",
                                         "lock",
                                         "prepared",
                                         "0000000000000001-000000000000000a",
                                         "0000000000000001-000000000000000a.idx",
                                         "0000000000000001-000000000000000A.log",
                                         "0000000000000001-00000000000000a.log",
                                         "1-a.log",
                                         " 000000000000001-000000000000000a.log",
                                         "+000000000000001-000000000000000a.log",
                                         "0x00000000000001-000000000000000a.log",
                                         "0000000000000001-000000000000000a.log.tmp",
                                         "0000000000000001-000000000000000a.new",
                                         "00000000000000001-000000000000000a.log",
                                         "0000000000000001_000000000000000a.log"};
    char name[SEGMENT_NAME];
    struct position p, all = {UINT64_MAX, 10};
    segment_name(name, all, ".log");
    ck_assert_str_eq(name, "ffffffffffffffff-000000000000000a.log");
    ck_assert(segment_name_read(name, ".log", &p));
    ck_assert_int_eq(position_cmp(p, all), 0);
    for (size_t i = 0; i < COUNT_OF(others); i++)
        ck_assert_msg(!segment_name_read(others[i], ".log", &p), "%s", others[i]);
}
END_TEST

/* --- the walk -----------------------------------------------------------------------------------
 */

/* A segment of RECORDS records, each a commit unless `commit_of` says that several are one. */
struct made {
    char bytes[32768];
    size_t len, at[RECORDS + 1]; /* where each begins; the last: the end */
    struct segment_header header;
};

static void
make_segment(struct made *m, unsigned commit_of)
{
    size_t committed = SEGMENT_HEADER;
    memset(m, 0, sizeof *m);
    m->header = some_header(SLICE("id"));
    segment_header_write(m->bytes, &m->header);
    m->len = SEGMENT_HEADER;
    uint32_t previous = m->header.crc;
    for (unsigned i = 0; i < RECORDS; i++) {
        char id[16];
        snprintf(id, sizeof id, "id-%u", i);
        struct update *u = make_update(id, 1, i * 7 % 90);
        struct log_record r = {.previous = previous,
                               .synced = (uint32_t)committed,
                               .sequence = m->header.first.sequence + i,
                               .time_ms = i};
        log_record_write(m->bytes + m->len, u, SALT, &r);
        previous = r.crc;
        m->at[i] = m->len;
        m->len += r.length;
        if ((i + 1) % commit_of == 0)
            committed = m->len;
        update_unref(&u);
    }
    m->at[RECORDS] = m->len;
}

static struct segment_scan
scan(const struct made *m, size_t len, uint64_t accepted)
{
    struct segment_scan s;
    segment_scan(guard_copy(SLICE_OF(m->bytes, len)), &m->header, accepted, NULL, NULL, &s);
    return s;
}

static unsigned
record_at(const struct made *m, size_t byte)
{
    unsigned i = 0;
    while (m->at[i + 1] <= byte)
        i++;
    return i;
}

static void
count_it(void *context, const struct log_record *r, struct block here)
{
    struct made *m = context;
    ck_assert_uint_eq(here.offset, m->at[here.index]);
    ck_assert_uint_eq(r->time_ms, here.index);
}

START_TEST(a_whole_segment_is_walked_to_its_end)
{
    static struct made m;
    struct segment_scan s;
    make_segment(&m, 1);
    segment_scan(SLICE_OF(m.bytes, sizeof m.bytes), &m.header, 0, count_it, &m, &s);
    ck_assert_uint_eq(s.count, RECORDS);
    ck_assert_uint_eq(s.length, m.len);
    ck_assert_uint_eq(s.last_offset, m.at[RECORDS - 1]);
    ck_assert_uint_eq(s.last.sequence, m.header.first.sequence + RECORDS - 1);
    ck_assert(!s.damaged);
}
END_TEST

START_TEST(a_file_cut_anywhere_holds_the_records_before_the_cut)
{
    static struct made m;
    make_segment(&m, 1);
    for (size_t cut = SEGMENT_HEADER; cut <= m.len; cut++) {
        struct segment_scan s = scan(&m, cut, 0);
        unsigned whole = cut == m.len ? RECORDS : record_at(&m, cut);
        ck_assert_uint_eq(s.count, whole);
        ck_assert_uint_eq(s.length, m.at[whole]);
        ck_assert(!s.damaged);
    }
}
END_TEST

START_TEST(a_file_that_is_shorter_than_was_accepted_is_damaged)
{
    static struct made m;
    make_segment(&m, 1);
    for (size_t cut = SEGMENT_HEADER; cut < m.len; cut++) {
        struct segment_scan s = scan(&m, cut, m.len);
        ck_assert(s.damaged);
        ck_assert_uint_eq(s.valid.index, record_at(&m, cut));
    }
}
END_TEST

START_TEST(a_flipped_byte_before_what_was_synced_is_damage_and_costs_what_lies_before)
{
    static struct made m;
    make_segment(&m, 1);
    for (size_t byte = SEGMENT_HEADER; byte < m.len; byte++) {
        unsigned hit = record_at(&m, byte);
        m.bytes[byte] = (char)~m.bytes[byte];
        struct segment_scan s = scan(&m, m.len, 0), known = scan(&m, m.len, m.len);
        m.bytes[byte] = (char)~m.bytes[byte];
        if (hit == RECORDS - 1) { /* nothing stands behind it: a tear, unless it is known */
            ck_assert(!s.damaged);
            ck_assert_uint_eq(s.count, hit);
            ck_assert(known.damaged);
            ck_assert_uint_eq(known.valid.index, hit);
            continue;
        }
        ck_assert(s.damaged && known.damaged);
        ck_assert_uint_eq(s.count, RECORDS);
        ck_assert_uint_eq(s.valid.index, hit + 1);
        ck_assert_uint_eq(s.valid.offset, m.at[hit + 1]);
        ck_assert_uint_eq(known.valid.index, hit + 1);
    }
}
END_TEST

START_TEST(a_flipped_byte_in_one_commit_is_a_tear_of_it)
{
    static struct made m;
    make_segment(&m, RECORDS);
    for (size_t byte = SEGMENT_HEADER; byte < m.len; byte++) {
        m.bytes[byte] = (char)~m.bytes[byte];
        struct segment_scan s = scan(&m, m.len, 0);
        m.bytes[byte] = (char)~m.bytes[byte];
        ck_assert(!s.damaged);
        ck_assert_uint_eq(s.count, record_at(&m, byte));
    }
}
END_TEST

START_TEST(several_damages_cost_what_lies_before_the_youngest)
{
    static struct made m;
    make_segment(&m, 1);
    m.bytes[m.at[1] + 9] ^= 1;
    m.bytes[m.at[4] + 9] ^= 1;
    m.bytes[m.at[5] + 9] ^= 1;
    struct segment_scan s = scan(&m, m.len, 0);
    ck_assert(s.damaged);
    ck_assert_uint_eq(s.valid.index, 6);
    ck_assert_uint_eq(s.valid.offset, m.at[6]);
    memset(m.bytes + SEGMENT_HEADER, 0, m.len - SEGMENT_HEADER);
    s = scan(&m, m.len, m.len);
    ck_assert(s.damaged);
    ck_assert_uint_eq(s.count, 0);
    ck_assert_uint_eq(s.valid.offset, SEGMENT_HEADER);
}
END_TEST

START_TEST(what_lies_behind_the_accepted_length_does_not_count)
{
    static struct made m;
    make_segment(&m, 1);
    struct segment_scan s = scan(&m, m.len, m.at[5]);
    ck_assert(!s.damaged);
    ck_assert_uint_eq(s.count, 5);
    ck_assert_uint_eq(s.length, m.at[5]);
}
END_TEST

START_TEST(records_of_another_header_are_not_taken_over)
{
    static struct made m;
    make_segment(&m, 1);
    m.header.crc++; /* the first record names the header's crc */
    struct segment_scan s;
    segment_scan(SLICE_OF(m.bytes, m.len), &m.header, 0, NULL, NULL, &s);
    ck_assert_uint_eq(s.valid.index, s.damaged ? 1 : 0);
    m.header.crc--;
    m.header.salt++;
    segment_scan(SLICE_OF(m.bytes, m.len), &m.header, 0, NULL, NULL, &s);
    ck_assert_uint_eq(s.count, 0);
    ck_assert(!s.damaged);
}
END_TEST

/* A payload that was written to be taken for records: heads at every place that one can stand at,
 * over all the rest, and whole ones, right in all but the salt, which nobody outside knows. */
static void
fill_with_forgeries(char *bytes, size_t len, size_t from, const struct segment_header *h)
{
    struct update *u = make_update("forged", 1, 0);
    size_t whole = log_record_size(u), turn = 0;
    for (size_t at = from; at + whole <= len; turn++) {
        struct log_record r = {.previous = 1,
                               .synced = (uint32_t)at,
                               .sequence = h->first.sequence + RECORDS + turn % 1000,
                               .time_ms = 5};
        log_record_write(bytes + at, u, turn, &r);
        if (turn % 3 == 0) {
            at += whole;
            continue;
        }
        le32_put(bytes + at, (uint32_t)((len - at) / 8 * 8));
        at += 24;
    }
    update_unref(&u);
}

START_TEST(a_tear_full_of_forged_records_costs_nothing_before_it_and_little_time)
{
    static struct made m;
    size_t len = 4 << 20;
    char *bytes = xalloc(len);
    make_segment(&m, 1);
    memcpy(bytes, m.bytes, m.len);
    fill_with_forgeries(bytes, len, m.len, &m.header);
    struct segment_scan s;
    uint64_t begun = clock_mono_ms();
    segment_scan(SLICE_OF(bytes, len), &m.header, 0, NULL, NULL, &s);
    ck_assert_uint_lt(clock_mono_ms() - begun, 5000);
    ck_assert(!s.damaged);
    ck_assert_uint_eq(s.count, RECORDS);
    ck_assert_uint_eq(s.length, m.len);
    /* Where it was known to be there it is damage, and as soon told. */
    segment_scan(SLICE_OF(bytes, len), &m.header, len, NULL, NULL, &s);
    ck_assert_uint_lt(clock_mono_ms() - begun, 10000);
    ck_assert(s.damaged);
    ck_assert_uint_eq(s.valid.index, RECORDS);
    free(bytes);
}
END_TEST

/* --- indexes ------------------------------------------------------------------------------------
 */

static const struct block some_blocks[] = {{0, SEGMENT_HEADER}, {5, 70000}, {9, 140000}};
static const struct id_entry some_entries[] = {{1, SEGMENT_HEADER}, {1ull << 40, 70000}};

static struct slice
some_index(void)
{
    const struct segment_index x = {.first = {3, 100},
                                    .salt = SALT,
                                    .count = 10,
                                    .last_offset = 140000,
                                    .block_count = 3,
                                    .entry_count = 2,
                                    .length = 150000,
                                    .last_time_ms = 8,
                                    .blocks = some_blocks};
    char *bytes = segment_index_make(&x, some_entries);
    ck_assert_ptr_nonnull(bytes);
    return SLICE_OF(bytes, segment_index_size(3, 2));
}

START_TEST(an_index_comes_back)
{
    struct slice bytes = some_index();
    struct segment_index r;
    ck_assert(segment_index_read(guard_copy(bytes), &r));
    ck_assert_uint_eq(r.salt, SALT);
    ck_assert_uint_eq(r.count, 10);
    ck_assert_uint_eq(r.last_offset, 140000);
    ck_assert_uint_eq(r.length, 150000);
    ck_assert_uint_eq(r.last_time_ms, 8);
    ck_assert_uint_eq(r.block_count, 3);
    ck_assert_mem_eq(r.blocks, some_blocks, sizeof some_blocks);
    const char *at = bytes.ptr + SEGMENT_INDEX_HEAD + 3 * SEGMENT_BLOCK_BYTES;
    for (size_t i = 0; i < 2; i++, at += SEGMENT_ENTRY_BYTES) {
        struct id_entry e = segment_entry_read(at);
        ck_assert_uint_eq(e.hash, some_entries[i].hash);
        ck_assert_uint_eq(e.offset, some_entries[i].offset);
    }
    free((void *)r.blocks);
    free((void *)bytes.ptr);
}
END_TEST

START_TEST(an_index_that_is_cut_or_flipped_is_refused)
{
    struct slice bytes = some_index();
    struct segment_index r;
    for (size_t len = 0; len < bytes.len; len++)
        ck_assert(!segment_index_read(guard_copy(slice_head(bytes, len)), &r));
    for (size_t bit = 0; bit < bytes.len * 8; bit++) {
        char *at = (char *)guard_copy(bytes).ptr;
        at[bit / 8] = (char)(at[bit / 8] ^ 1 << bit % 8);
        ck_assert(!segment_index_read(SLICE_OF(at, bytes.len), &r));
    }
    free((void *)bytes.ptr);
}
END_TEST

START_TEST(an_index_that_lies_is_refused)
{
    static const struct {
        size_t at;
        uint32_t lie;
    } lies[] = {
        {8, SEGMENT_VERSION + 1},
        {32, 140000},
        {48, 9},
        {56, 2},
        {56, 0xffffffff},
        {60, 1},
        {60, 0},
        {88, 0},
        {88, 9},
        {92, SEGMENT_HEADER},
        {92, 140000},
        {96, 10},
        {100, 0x7fffffff},
    };
    struct slice bytes = some_index();
    struct segment_index r;
    for (size_t i = 0; i < COUNT_OF(lies); i++) {
        char *at = (char *)guard_copy(bytes).ptr;
        le32_put(at + lies[i].at, lies[i].lie);
        le32_put(at + bytes.len - 4, log_record_crc(~0u, SLICE_OF(at, bytes.len - 4)));
        ck_assert_msg(!segment_index_read(SLICE_OF(at, bytes.len), &r), "lie %zu", i);
    }
    free((void *)bytes.ptr);
}
END_TEST

START_TEST(an_index_of_nothing_is_one)
{
    const struct segment_index x = {.first = {3, 100}, .salt = SALT, .length = SEGMENT_HEADER};
    char *bytes = segment_index_make(&x, NULL);
    struct segment_index r;
    ck_assert(segment_index_read(guard_copy(SLICE_OF(bytes, segment_index_size(0, 0))), &r));
    ck_assert_uint_eq(r.count, 0);
    free((void *)r.blocks);
    free(bytes);
}
END_TEST

UNIT_MAIN("segment", a_header_comes_back, an_empty_id_is_one_and_one_that_is_too_long_is_not_kept,
          a_header_that_is_cut_or_flipped_is_bad, another_version_is_told_from_damage,
          names_come_back_and_others_are_refused, a_whole_segment_is_walked_to_its_end,
          a_file_cut_anywhere_holds_the_records_before_the_cut,
          a_file_that_is_shorter_than_was_accepted_is_damaged,
          a_flipped_byte_before_what_was_synced_is_damage_and_costs_what_lies_before,
          a_flipped_byte_in_one_commit_is_a_tear_of_it,
          several_damages_cost_what_lies_before_the_youngest,
          what_lies_behind_the_accepted_length_does_not_count,
          records_of_another_header_are_not_taken_over,
          a_tear_full_of_forged_records_costs_nothing_before_it_and_little_time,
          an_index_comes_back, an_index_that_is_cut_or_flipped_is_refused,
          an_index_that_lies_is_refused, an_index_of_nothing_is_one)
