/* What the hub's records say to the module for Apache, and what it writes: at the edge of memory.
 */

#include "mod_alipes/wire.h"

#include "gateway/fastcgi/record.h"
#include "unit/guard.h"

#include <stdio.h>

#include <fastcgi.h>

#define PLACE "\xe5\xfd\xdf\x53\x40\xf3\x8c\x17\x83\x94\x61\x10\x8b\x07\xce\xb6"

START_TEST(a_multicast_is_read_and_every_shorter_one_refused)
{
    static const struct slice content = SLICE_INIT(PLACE "\1\0\0\2\0\7\xff\xfe"
                                                         "data");
    struct multicast m;
    for (size_t n = 0; n < content.len - 4; n++)
        ck_assert(!wire_multicast(guard_copy(slice_head(content, n)), &m));
    ck_assert(wire_multicast(guard_copy(content), &m));
    ck_assert(m.more && !m.is_text && m.count == 2);
    ck_assert_uint_eq(wire_id(&m, 0), 7);
    ck_assert_uint_eq(wire_id(&m, 1), 0xfffe);
    ck_assert(slice_eq(m.text, SLICE("data")));
    ck_assert(memcmp(m.place.bytes, PLACE, WIRE_PLACE) == 0);
}
END_TEST

START_TEST(a_multicast_may_have_no_bytes_and_no_streams)
{
    struct multicast m;
    ck_assert(wire_multicast(guard_copy(SLICE(PLACE "\2\0\0\0")), &m));
    ck_assert(!m.more && m.is_text && m.count == 0 && m.text.len == 0);
}
END_TEST

START_TEST(a_mark_of_fifteen_bytes_is_none_and_more_than_sixteen_are_passed_over)
{
    struct place p;
    ck_assert(!wire_place(guard_copy(slice_head(SLICE(PLACE), 15)), &p));
    ck_assert(wire_place(guard_copy(SLICE(PLACE "urn:")), &p));
    ck_assert(memcmp(p.bytes, PLACE, WIRE_PLACE) == 0);
}
END_TEST

START_TEST(a_place_is_a_cursor)
{
    struct place p;
    char cursor[WIRE_CURSOR];
    ck_assert(wire_place(SLICE(PLACE), &p));
    wire_cursor(&p, cursor);
    ck_assert_str_eq(cursor, "urn:uuid:e5fddf53-40f3-8c17-8394-61108b07ceb6");
}
END_TEST

START_TEST(what_a_hub_can_is_what_it_says)
{
    struct values v;
    ck_assert(wire_values(guard_copy(SLICE("\x0f\1FCGI_MPXS_CONNS1\x0e\1FCGI_MULTICAST1"
                                           "\x0d\5FCGI_MAX_REQS65535")),
                          &v));
    ck_assert(v.multiplexes && v.multicast && v.max_requests == 65535);
    ck_assert(wire_values(guard_copy(SLICE("\x0f\1FCGI_MPXS_CONNS0\1\1ab")), &v));
    ck_assert(!v.multiplexes && !v.multicast && v.max_requests == 0);
    ck_assert(wire_values(SLICE(""), &v));
    ck_assert(!wire_values(guard_copy(SLICE("\x0f\1FCGI_MPXS_CONN")), &v));
}
END_TEST

/* Types and lengths of what was written, in a row. */
static void
assert_records(const struct buf *b, const char *expected)
{
    struct slice rest = buf_slice(b);
    struct record r;
    char text[256] = "", *at = text;
    while (rest.len) {
        ck_assert_int_eq(record_read(rest, &r), PARSE_OK);
        ck_assert_uint_eq(r.id, 9);
        at += snprintf(at, sizeof text - (size_t)(at - text), "%u:%u ", r.type, r.length);
        rest = slice_from(rest, RECORD_HEAD + (size_t)r.length + r.padding);
    }
    ck_assert_str_eq(text, expected);
}

START_TEST(a_request_is_whole_records)
{
    struct buf out, params;
    char value[200];
    memset(value, 'v', sizeof value);
    buf_init(&out, SIZE_MAX);
    buf_init(&params, SIZE_MAX);
    wire_add_pair(&params, SLICE("A"), SLICE_OF(value, sizeof value));
    ck_assert_uint_eq(params.len, 1 + 4 + 1 + 200);
    wire_add_request(&out, 9, buf_slice(&params), SLICE(""), SLICE(""));
    assert_records(&out, "1:8 4:206 4:0 5:0 ");
    buf_clear(&out);
    wire_add_request(&out, 9, buf_slice(&params), SLICE("\1\1CD"), SLICE("topic=a"));
    assert_records(&out, "1:8 4:210 4:0 5:7 5:0 ");
    struct slice pairs = buf_slice(&params), name, found;
    ck_assert_int_eq(record_pair(&pairs, &name, &found), PARSE_OK);
    ck_assert(slice_eq(name, SLICE("A")) && slice_eq(found, SLICE_OF(value, sizeof value)));
    buf_fini(&out);
    buf_fini(&params);
}
END_TEST

START_TEST(resume_names_a_place_and_an_offset)
{
    struct buf out;
    struct place p;
    ck_assert(wire_place(SLICE(PLACE), &p));
    buf_init(&out, SIZE_MAX);
    wire_add_resume(&out, 9, &p, 0x01020304);
    assert_records(&out, "35:20 ");
    ck_assert(slice_eq(slice_from(buf_slice(&out), RECORD_HEAD), SLICE(PLACE "\1\2\3\4")));
    buf_fini(&out);
}
END_TEST

UNIT_MAIN("wire", a_multicast_is_read_and_every_shorter_one_refused,
          a_multicast_may_have_no_bytes_and_no_streams,
          a_mark_of_fifteen_bytes_is_none_and_more_than_sixteen_are_passed_over,
          a_place_is_a_cursor, what_a_hub_can_is_what_it_says, a_request_is_whole_records,
          resume_names_a_place_and_an_offset)
