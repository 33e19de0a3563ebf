/* The walk through a segment that tells a tear from damage. */

#include "transport/disk/segment_scan.h"

#include "base/clock.h"
#include "unit/guard.h"
#include "unit/transport/disk/updates.h"

enum {
    SALT = 4711,
    RECORDS = 12,
};

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
    m->header = (struct segment_header){.salt = SALT, .first = {3, 100}};
    segment_header_write(m->bytes, &m->header);
    m->len = SEGMENT_HEADER;
    uint32_t previous = m->header.crc;
    for (unsigned i = 0; i < RECORDS; i++) {
        char id[16];
        snprintf(id, sizeof id, "id-%u", i);
        struct update *u = make_update(id, 1, i * 7 % 90);
        struct disk_record r = {.previous = previous,
                                .synced = (uint32_t)committed,
                                .sequence = m->header.first.sequence + i,
                                .time_ms = i};
        disk_record_write(m->bytes + m->len, u, SALT, &r);
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
count_it(void *context, const struct disk_record *r, struct block here)
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
        ck_assert_uint_eq(s.count, RECORDS - 1);
        ck_assert_uint_eq(s.span, RECORDS);
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

/* A block's index says what stands before it, wherever it stands itself. */
static void
check_before(void *context, const struct disk_record *r, struct block here)
{
    uint64_t *before = context;
    ck_assert_uint_eq(100 + here.index, *before + 1);
    *before = r->sequence;
}

START_TEST(sequences_may_have_gaps_and_never_go_back)
{
    static const uint64_t steps[] = {105, 106, 300, 1ull << 31, (1ull << 32) - 2};
    char *bytes = xalloc(65536);
    struct segment_header h = {.salt = SALT, .first = {3, 100}};
    segment_header_write(bytes, &h);
    struct update *u = make_update("id", 1, 20);
    size_t size = disk_record_size(u), len = SEGMENT_HEADER, second = SEGMENT_HEADER + size;
    uint32_t previous = h.crc;
    struct segment_scan s;
    for (size_t i = 0; i < COUNT_OF(steps); i++, len += size) {
        struct disk_record r = {
            .previous = previous, .synced = (uint32_t)len, .sequence = 100 + steps[i]};
        disk_record_write(bytes + len, u, SALT, &r);
        previous = r.crc;
    }
    uint64_t before = 99;
    segment_scan(SLICE_OF(bytes, len), &h, len, check_before, &before, &s);
    ck_assert(!s.damaged);
    ck_assert_uint_eq(s.count, COUNT_OF(steps));
    ck_assert_uint_eq(s.span, (1ull << 32) - 1);
    bytes[second + 9] ^=
        1; /* the gap before what is found behind is not known: all of it is lost */
    segment_scan(SLICE_OF(bytes, len), &h, len, NULL, NULL, &s);
    ck_assert(s.damaged);
    ck_assert_uint_eq(s.count, COUNT_OF(steps) - 1);
    ck_assert_uint_eq(s.valid.index, 300);
    ck_assert_uint_eq(s.valid.offset, second + size);
    bytes[second + 9] ^= 1;
    struct disk_record back = {.previous = previous, .synced = (uint32_t)len, .sequence = 400};
    disk_record_write(bytes + len, u, SALT, &back);
    segment_scan(SLICE_OF(bytes, len + size), &h, 0, NULL, NULL, &s);
    ck_assert_uint_eq(s.count, COUNT_OF(steps));
    update_unref(&u);
    free(bytes);
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
    size_t whole = disk_record_size(u), turn = 0;
    for (size_t at = from; at + whole <= len; turn++) {
        struct disk_record r = {.previous = 1,
                                .synced = (uint32_t)at,
                                .sequence = h->first.sequence + RECORDS + turn % 1000,
                                .time_ms = 5};
        disk_record_write(bytes + at, u, turn, &r);
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

UNIT_MAIN("segment_scan", a_whole_segment_is_walked_to_its_end,
          a_file_cut_anywhere_holds_the_records_before_the_cut,
          a_file_that_is_shorter_than_was_accepted_is_damaged,
          a_flipped_byte_before_what_was_synced_is_damage_and_costs_what_lies_before,
          a_flipped_byte_in_one_commit_is_a_tear_of_it,
          several_damages_cost_what_lies_before_the_youngest,
          what_lies_behind_the_accepted_length_does_not_count,
          sequences_may_have_gaps_and_never_go_back, records_of_another_header_are_not_taken_over,
          a_tear_full_of_forged_records_costs_nothing_before_it_and_little_time)
