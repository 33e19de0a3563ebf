/* The codec of FastCGI: heads and pairs, cut anywhere, at the edge of memory. */

#include "gateway/fastcgi/record.h"

#include "unit/guard.h"

#include <fastcgi.h>

START_TEST(every_prefix_of_a_head_asks_for_more)
{
    char bytes[RECORD_HEAD];
    struct record r = {.type = 99};
    record_head(bytes, FCGI_STDIN, 0xabcd, 0x1234);
    for (size_t n = 0; n < RECORD_HEAD; n++) {
        ck_assert_int_eq(record_read(guard_copy(SLICE_OF(bytes, n)), &r), PARSE_MORE);
        ck_assert_uint_eq(r.type, 99);
    }
    ck_assert_int_eq(record_read(guard_copy(SLICE_OF(bytes, RECORD_HEAD)), &r), PARSE_OK);
    ck_assert(r.type == FCGI_STDIN && r.id == 0xabcd && r.length == 0x1234 && r.padding == 0);
    bytes[0] = 2;
    ck_assert_int_eq(record_read(guard_copy(SLICE_OF(bytes, 1)), &r), PARSE_BAD);
}
END_TEST

START_TEST(pairs_are_read_with_short_and_long_lengths)
{
    static const struct slice pairs = SLICE_INIT("\1\2abc\x80\0\0\3\x80\0\0\1xyz!\0\0\3\0key");
    struct slice rest = guard_copy(pairs), name, value;
    static const char *const expected[][2] = {{"a", "bc"}, {"xyz", "!"}, {"", ""}, {"key", ""}};
    for (size_t i = 0; i < 4; i++) {
        ck_assert_int_eq(record_pair(&rest, &name, &value), PARSE_OK);
        ck_assert(slice_eq(name, slice_of(expected[i][0])));
        ck_assert(slice_eq(value, slice_of(expected[i][1])));
    }
    ck_assert_int_eq(record_pair(&rest, &name, &value), PARSE_MORE);
}
END_TEST

START_TEST(a_pair_cut_anywhere_is_bad)
{
    static const struct slice pair = SLICE_INIT("\x80\0\0\3\x80\0\0\1xyz!");
    struct slice name, value;
    for (size_t n = 1; n < pair.len; n++) {
        struct slice rest = guard_copy(slice_head(pair, n));
        ck_assert_int_eq(record_pair(&rest, &name, &value), PARSE_BAD);
    }
    struct slice huge = guard_copy(SLICE("\xff\xff\xff\xff\xff\xff\xff\xffx"));
    ck_assert_int_eq(record_pair(&huge, &name, &value), PARSE_BAD);
}
END_TEST

START_TEST(content_of_any_length_becomes_records)
{
    static const size_t lengths[] = {0, 1, 65534, 65535, 65536, 131070, 131071, 200000};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        struct buf b, content;
        buf_init(&b, 1 << 20);
        buf_init(&content, 1 << 20);
        buf_add(&b, SLICE("before"));
        size_t opened = record_open(&b);
        for (size_t n = 0; n < lengths[i]; n++)
            buf_add_byte(&b, (char)(n * 31));
        record_close(&b, opened, FCGI_STDOUT, 7);
        struct slice rest = slice_from(buf_slice(&b), 6);
        struct record r;
        while (rest.len) {
            ck_assert_int_eq(record_read(rest, &r), PARSE_OK);
            ck_assert(r.type == FCGI_STDOUT && r.id == 7 && r.length > 0);
            buf_add(&content, slice_head(slice_from(rest, RECORD_HEAD), r.length));
            rest = slice_from(rest, RECORD_HEAD + (size_t)r.length);
        }
        ck_assert_uint_eq(content.len, lengths[i]);
        for (size_t n = 0; n < lengths[i]; n++)
            ck_assert_int_eq(content.ptr[n], (char)(n * 31));
        buf_fini(&b);
        buf_fini(&content);
    }
}
END_TEST

UNIT_MAIN("gateway/fastcgi/record", every_prefix_of_a_head_asks_for_more,
          pairs_are_read_with_short_and_long_lengths, a_pair_cut_anywhere_is_bad,
          content_of_any_length_becomes_records)
