/* Heads of HTTP/1.x: cut anywhere, at the edge of memory, and wrong in every way of the table. */

#include "gateway/http/head.h"

#include "unit/guard.h"

#include <stdlib.h>

static struct http_head head;
static struct header headers[REQUEST_MAX_HEADERS];
static unsigned status;

static enum parse
read_at_once(struct slice in)
{
    size_t scanned = 0;
    return http_head_read(guard_copy(in), &scanned, &head, headers, &status);
}

static const struct slice good[] = {
    SLICE_INIT("GET / HTTP/1.0\r\n\r\n"),
    SLICE_INIT("GET /.well-known/mercure?topic=a%20b HTTP/1.1\r\nHost: hub.example:8080\r\n"
               "Accept: text/event-stream\r\nLast-Event-ID:  \turn:uuid:1 \t\r\n\r\n"),
    SLICE_INIT(
        "\r\nPOST /p HTTP/1.1\r\nhost: a\r\ncontent-length: 00012\r\nExpect: 100-Continue\r\n"
        "Connection: x, Close\r\n\r\n"),
    SLICE_INIT("QUERY http://else:8/x?y HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n"),
    SLICE_INIT("OPTIONS * HTTP/1.1\r\nHost:\r\nX:\r\nY: \xff\xfe\r\n\r\n"),
};

START_TEST(every_prefix_of_a_head_asks_for_more)
{
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        for (size_t n = 0; n < good[i].len; n++)
            ck_assert_int_eq(read_at_once(slice_head(good[i], n)), PARSE_MORE);
        ck_assert_int_eq(read_at_once(good[i]), PARSE_OK);
        ck_assert_uint_eq(head.size, good[i].len);
    }
}
END_TEST

START_TEST(a_head_in_two_parts_is_the_head_at_once)
{
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        ck_assert_int_eq(read_at_once(good[i]), PARSE_OK);
        struct http_head whole = head;
        for (size_t n = 0; n < good[i].len; n++) {
            size_t scanned = 0;
            ck_assert_int_eq(http_head_read(guard_copy(slice_head(good[i], n)), &scanned, &head,
                                            headers, &status),
                             PARSE_MORE);
            ck_assert_uint_le(scanned, n);
            ck_assert_int_eq(http_head_read(guard_copy(good[i]), &scanned, &head, headers, &status),
                             PARSE_OK);
            ck_assert(slice_eq(head.path, whole.path) && slice_eq(head.query, whole.query));
            ck_assert(slice_eq(head.host, whole.host) && head.header_count == whole.header_count);
            ck_assert_uint_eq(head.size, whole.size);
        }
    }
}
END_TEST

START_TEST(what_a_head_says_is_understood)
{
    ck_assert_int_eq(read_at_once(good[1]), PARSE_OK);
    ck_assert(slice_eq(head.method, SLICE("GET")) && head.keep_alive && head.minor == 1);
    ck_assert(slice_eq(head.path, SLICE("/.well-known/mercure")));
    ck_assert(slice_eq(head.query, SLICE("topic=a%20b")));
    ck_assert(slice_eq(head.host, SLICE("hub.example:8080")));
    ck_assert(slice_eq(headers[2].value, SLICE("urn:uuid:1")));
    ck_assert_int_eq(read_at_once(good[2]), PARSE_OK);
    ck_assert(head.expect_continue && !head.keep_alive && head.content_length == 12);
    ck_assert_int_eq(read_at_once(good[3]), PARSE_OK);
    ck_assert(head.chunked && slice_eq(head.host, SLICE("else:8")));
    ck_assert(slice_eq(head.path, SLICE("/x")) && slice_eq(head.query, SLICE("y")));
    ck_assert_int_eq(read_at_once(good[0]), PARSE_OK);
    ck_assert(!head.keep_alive && head.minor == 0);
    ck_assert_int_eq(read_at_once(SLICE("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")),
                     PARSE_OK);
    ck_assert(head.keep_alive);
}
END_TEST

#define H11 "GET / HTTP/1.1\r\nHost: a\r\n"

static const struct {
    struct slice text;
    unsigned status;
} bad[] = {
    {SLICE_INIT(" GET / HTTP/1.1\r\nHost: a\r\n\r\n"), 400},
    {SLICE_INIT("GET  / HTTP/1.1\r\nHost: a\r\n\r\n"), 400},
    {SLICE_INIT("GET / HTTP/1.1\nHost: a\n\n"), 400},
    {SLICE_INIT("GET / HTTP/1.1\rHost: a\r\n\r\n"), 400},
    {SLICE_INIT("GET /\r\n\r\n"), 400},
    {SLICE_INIT("G\"T / HTTP/1.1\r\nHost: a\r\n\r\n"), 400},
    {SLICE_INIT("GET / HTTP/1.2\r\nHost: a\r\n\r\n"), 400},
    {SLICE_INIT("GET / HTTP/2.0\r\nHost: a\r\n\r\n"), 505},
    {SLICE_INIT("GET / http/1.1\r\nHost: a\r\n\r\n"), 400},
    {SLICE_INIT("GET * HTTP/1.1\r\nHost: a\r\n\r\n"), 400},
    {SLICE_INIT("GET a HTTP/1.1\r\nHost: a\r\n\r\n"), 400},
    {SLICE_INIT("GET /#a HTTP/1.1\r\nHost: a\r\n\r\n"), 400},
    {SLICE_INIT("GET /\x80 HTTP/1.1\r\nHost: a\r\n\r\n"), 400},
    {SLICE_INIT("GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n"), 400},
    {SLICE_INIT("GET http:///x HTTP/1.1\r\nHost: a\r\n\r\n"), 400},
    {SLICE_INIT("GET / HTTP/1.1\r\n\r\n"), 400},
    {SLICE_INIT(H11 "Host: a\r\n\r\n"), 400},
    {SLICE_INIT("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"), 400},
    {SLICE_INIT(H11 "X : y\r\n\r\n"), 400},
    {SLICE_INIT(H11 " folded\r\n\r\n"), 400},
    {SLICE_INIT(H11 "nocolon\r\n\r\n"), 400},
    {SLICE_INIT(H11 ": y\r\n\r\n"), 400},
    {SLICE_INIT(H11 "X: a\0b\r\n\r\n"), 400},
    {SLICE_INIT(H11 "X: a\x01\r\n\r\n"), 400},
    {SLICE_INIT(H11 "X: a\nb\r\n\r\n"), 400},
    {SLICE_INIT(H11 "Content-Length: 1\r\nContent-Length: 1\r\n\r\n"), 400},
    {SLICE_INIT(H11 "Content-Length: 1, 1\r\n\r\n"), 400},
    {SLICE_INIT(H11 "Content-Length: +1\r\n\r\n"), 400},
    {SLICE_INIT(H11 "Content-Length: -1\r\n\r\n"), 400},
    {SLICE_INIT(H11 "Content-Length: 1 1\r\n\r\n"), 400},
    {SLICE_INIT(H11 "Content-Length: \r\n\r\n"), 400},
    {SLICE_INIT(H11 "Content-Length: 9223372036854775808\r\n\r\n"), 400},
    {SLICE_INIT(H11 "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"), 400},
    {SLICE_INIT(H11 "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"), 400},
    {SLICE_INIT(H11 "Transfer-Encoding: gzip\r\n\r\n"), 501},
    {SLICE_INIT(H11 "Transfer-Encoding: chunked, gzip\r\n\r\n"), 501},
    {SLICE_INIT("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"), 400},
    {SLICE_INIT(H11 "Expect: more\r\n\r\n"), 417},
};

START_TEST(whatever_two_parsers_could_read_differently_is_refused)
{
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        ck_assert_msg(read_at_once(bad[i].text) == PARSE_BAD, "row %zu passed", i);
        ck_assert_msg(status == bad[i].status, "row %zu: %u", i, status);
    }
}
END_TEST

START_TEST(more_headers_than_there_is_room_for_are_a_431)
{
    struct buf b;
    buf_init(&b, 65536);
    buf_add(&b, SLICE(H11));
    for (int i = 0; i < REQUEST_MAX_HEADERS - 1; i++)
        buf_add(&b, SLICE("X: y\r\n"));
    size_t kept = b.len;
    buf_add(&b, SLICE("\r\n"));
    ck_assert_int_eq(read_at_once(buf_slice(&b)), PARSE_OK);
    b.len = kept;
    buf_add(&b, SLICE("X: y\r\n\r\n"));
    ck_assert_int_eq(read_at_once(buf_slice(&b)), PARSE_BAD);
    ck_assert_uint_eq(status, 431);
    buf_fini(&b);
}
END_TEST

UNIT_MAIN("gateway/http/head", every_prefix_of_a_head_asks_for_more,
          a_head_in_two_parts_is_the_head_at_once, what_a_head_says_is_understood,
          whatever_two_parsers_could_read_differently_is_refused,
          more_headers_than_there_is_room_for_are_a_431)
