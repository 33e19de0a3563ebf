/* Chunked bodies, split anywhere and wrong in every way. */

#include "gateway/http/chunked.h"

#include "unit/guard.h"

static const struct slice body = SLICE_INIT(
    "5\r\nhello\r\n000001;name=\"v\"\r\n \r\nA\r\n0123456789\r\n0;last\r\nT: x\r\nU:\r\n\r\n");
static const struct slice meant = SLICE_INIT("hello 0123456789");

static enum parse
feed(struct chunked *c, struct slice part, struct buf *out, size_t *ret_left)
{
    struct slice in = guard_copy(part);
    enum parse parsed = chunked_read(c, &in, out);
    *ret_left = in.len;
    return parsed;
}

START_TEST(a_body_in_two_parts_is_the_body_at_once)
{
    for (size_t cut = 0; cut <= body.len; cut++) {
        struct chunked c;
        struct buf out;
        size_t left;
        chunked_init(&c);
        buf_init(&out, 100);
        enum parse parsed = feed(&c, slice_head(body, cut), &out, &left);
        ck_assert_int_eq(parsed, cut == body.len ? PARSE_OK : PARSE_MORE);
        if (cut < body.len)
            ck_assert_int_eq(feed(&c, slice_from(body, cut), &out, &left), PARSE_OK);
        ck_assert(slice_eq(buf_slice(&out), meant));
        buf_fini(&out);
    }
}
END_TEST

START_TEST(byte_by_byte_and_what_follows_is_left)
{
    struct chunked c;
    struct buf out;
    size_t left;
    chunked_init(&c);
    buf_init(&out, 100);
    for (size_t i = 0; i + 1 < body.len; i++)
        ck_assert_int_eq(feed(&c, SLICE_OF(body.ptr + i, 1), &out, &left), PARSE_MORE);
    ck_assert_int_eq(feed(&c, SLICE("\nGET"), &out, &left), PARSE_OK);
    ck_assert_uint_eq(left, 3);
    ck_assert(slice_eq(buf_slice(&out), meant));
    buf_fini(&out);
}
END_TEST

START_TEST(what_is_no_chunk_is_refused)
{
    static const struct slice bad[] = {
        SLICE_INIT("x\r\n"),
        SLICE_INIT("\r\n"),
        SLICE_INIT("-1\r\n"),
        SLICE_INIT("5\nhello"),
        SLICE_INIT("5 \r\nhello\r\n"),
        SLICE_INIT("0x5\r\nhello"),
        SLICE_INIT("5\r\nhelloo\r\n"),
        SLICE_INIT("5\r\nhello\n0\r\n\r\n"),
        SLICE_INIT("5\rhello"),
        SLICE_INIT("10000000000000000\r\n"),
        SLICE_INIT("0000000000000000000000000000000000000001\r\n"),
        SLICE_INIT("5;a\nb\r\nhello\r\n"),
        SLICE_INIT("0\r\nT: x\n\r\n"),
        SLICE_INIT("0\r\n\rx"),
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct chunked c;
        struct buf out;
        size_t left;
        chunked_init(&c);
        buf_init(&out, 100);
        ck_assert_msg(feed(&c, bad[i], &out, &left) == PARSE_BAD, "row %zu passed", i);
        buf_fini(&out);
    }
}
END_TEST

START_TEST(a_body_larger_than_its_buffer_may_become_is_refused)
{
    struct chunked c;
    struct buf out;
    size_t left;
    chunked_init(&c);
    buf_init(&out, 4);
    ck_assert_int_eq(feed(&c, body, &out, &left), PARSE_BAD);
    ck_assert(out.failed);
    buf_fini(&out);
}
END_TEST

START_TEST(extensions_and_trailers_are_bounded)
{
    static const struct slice endless[] = {SLICE_INIT("5;"), SLICE_INIT("0\r\n")};
    for (size_t i = 0; i < 2; i++) {
        struct chunked c;
        struct buf out;
        size_t left, n = 0;
        enum parse parsed;
        chunked_init(&c);
        buf_init(&out, 100);
        parsed = feed(&c, endless[i], &out, &left);
        while (parsed == PARSE_MORE && n++ < 1000000)
            parsed = feed(&c, SLICE("x"), &out, &left);
        ck_assert_int_eq(parsed, PARSE_BAD);
        buf_fini(&out);
    }
}
END_TEST

UNIT_MAIN("gateway/http/chunked", a_body_in_two_parts_is_the_body_at_once,
          byte_by_byte_and_what_follows_is_left, what_is_no_chunk_is_refused,
          a_body_larger_than_its_buffer_may_become_is_refused, extensions_and_trailers_are_bounded)
