/* The index beside a sealed segment. */

#include "transport/disk/segment_index.h"

#include "base/le.h"
#include "transport/disk/crc.h"
#include "transport/disk/file.h"
#include "transport/disk/segment_header.h"
#include "unit/guard.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
    SALT = 4711,
    MANY = 5000,
};

static const struct block some_blocks[] = {{0, SEGMENT_HEADER}, {5, 70000}, {9, 140000}};
static const struct id_entry some_entries[] = {{1, SEGMENT_HEADER}, {1ull << 40, 70000}};

static struct slice
some_index(void)
{
    const struct segment_index x = {.first = {3, 100},
                                    .salt = SALT,
                                    .count = 10,
                                    .span = 10,
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
    free((void *)r.blocks);
    free((void *)bytes.ptr);
}
END_TEST

/* A file of these bytes, which has no name. */
static int
file_of(struct slice bytes)
{
    int fd = memfd_create("index", MFD_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    ck_assert(file_write_at(fd, bytes, 0));
    return fd;
}

START_TEST(every_entry_of_an_index_is_found_and_no_other)
{
    struct slice bytes = some_index();
    struct segment_index r;
    struct id_filter filter;
    uint32_t offset;
    int fd = file_of(bytes);
    ck_assert(segment_index_read(bytes, &r));
    ck_assert(segment_index_filter(bytes, &r, &filter));
    struct segment_entries entries = segment_index_entries(&r);
    for (size_t i = 0; i < COUNT_OF(some_entries); i++) {
        ck_assert(id_filter_may_have(&filter, some_entries[i].hash));
        ck_assert(segment_index_search(fd, &entries, some_entries[i].hash, &offset));
        ck_assert_uint_eq(offset, some_entries[i].offset);
    }
    ck_assert(segment_index_search(fd, &entries, 2, &offset));
    ck_assert_uint_eq(offset, 0);
    ck_assert_int_eq(ftruncate(fd, 0), 0);
    ck_assert(!segment_index_search(fd, &entries, 1, &offset));
    close(fd);
    id_filter_free(&filter);
    free((void *)r.blocks);
    free((void *)bytes.ptr);
}
END_TEST

/* Far more than are read at once, and far from where a uniform hash would have them. */
START_TEST(hashes_that_crowd_are_found_as_well)
{
    static struct id_entry crowd[MANY];
    static const struct block first = {0, SEGMENT_HEADER};
    for (uint32_t i = 0; i < MANY; i++)
        crowd[i] = (struct id_entry){2 * i, SEGMENT_HEADER + i};
    const struct segment_index x = {.first = {3, 100},
                                    .count = MANY,
                                    .span = MANY,
                                    .block_count = 1,
                                    .entry_count = MANY,
                                    .length = 150000,
                                    .blocks = &first};
    char *bytes = segment_index_make(&x, crowd);
    struct segment_entries entries = segment_index_entries(&x);
    int fd = file_of(SLICE_OF(bytes, segment_index_size(1, MANY)));
    for (uint32_t i = 0, offset; i < MANY; i++) {
        ck_assert(segment_index_search(fd, &entries, crowd[i].hash, &offset));
        ck_assert_uint_eq(offset, crowd[i].offset);
        ck_assert(segment_index_search(fd, &entries, crowd[i].hash + 1, &offset));
        ck_assert_uint_eq(offset, 0);
    }
    close(fd);
    free(bytes);
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
        {48, 0},
        {48, 11},
        {72, 9},
        {72, 0},
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
        le32_put(at + bytes.len - 4, crc_add(~0u, SLICE_OF(at, bytes.len - 4)));
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

UNIT_MAIN("segment_index", an_index_comes_back, every_entry_of_an_index_is_found_and_no_other,
          hashes_that_crowd_are_found_as_well, an_index_that_is_cut_or_flipped_is_refused,
          an_index_that_lies_is_refused, an_index_of_nothing_is_one)
