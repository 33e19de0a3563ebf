/* The header of a segment: it comes back, or is told from another version's and from damage. */

#include "transport/disk/segment_header.h"

#include "base/le.h"
#include "transport/disk/crc.h"
#include "unit/guard.h"

enum {
    SALT = 4711
};

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
                                   .before_count = 8,
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
    ck_assert_uint_eq(r.before_count, 8);
    ck_assert(!r.is_dense);
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
    le32_put(bytes + sizeof bytes - 4, crc_add(~0u, SLICE_OF(bytes, sizeof bytes - 4)));
    ck_assert_int_eq(segment_header_read(SLICE_OF(bytes, sizeof bytes), &r), SEGMENT_OTHER_VERSION);
}
END_TEST

UNIT_MAIN("segment_header", a_header_comes_back,
          an_empty_id_is_one_and_one_that_is_too_long_is_not_kept,
          a_header_that_is_cut_or_flipped_is_bad, another_version_is_told_from_damage)
