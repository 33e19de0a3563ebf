/* The head of the hub's reply, as the module for Apache reads it. */

#include "mod_alipes/head.h"

#include "unit/guard.h"

#include <stdio.h>

static const struct slice stream = SLICE_INIT("Status: 200 OK\r\n"
                                              "content-type: text/event-stream; charset=utf-8\r\n"
                                              "Last-Event-ID:  urn:x \r\n"
                                              "Alipes-Ticket: t\r\n"
                                              "\r\n"
                                              "body");

START_TEST(every_prefix_of_a_head_asks_for_more)
{
    struct head h;
    for (size_t n = 0; n < stream.len - 4; n++)
        ck_assert_int_eq(head_read(guard_copy(slice_head(stream, n)), &h), PARSE_MORE);
    ck_assert_int_eq(head_read(guard_copy(stream), &h), PARSE_OK);
    ck_assert_uint_eq(h.size, stream.len - 4);
    ck_assert(h.is_stream && h.status == 200);
    ck_assert(slice_eq(h.ticket, SLICE("t")));
    ck_assert(slice_eq(h.granted, SLICE("urn:x")));
}
END_TEST

START_TEST(only_a_200_with_that_type_is_a_stream)
{
    static const struct {
        const char *text;
        unsigned status;
        bool is_stream;
    } rows[] = {
        {"Content-Type: text/event-stream\r\n\r\n", 200, true},
        {"Status: 401 Unauthorized\r\nContent-Type: text/event-stream\r\n\r\n", 401, false},
        {"Content-Type: text/event-stream\r\nStatus: 503\r\n\r\n", 503, false},
        {"Status: 200 OK\r\nContent-Type: text/plain\r\n\r\n", 200, false},
        {"Status: 200 OK\r\n\r\n", 200, false},
        {"X\r\n\r\n", 200, false},
    };
    struct head h;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        ck_assert_int_eq(head_read(guard_copy(slice_of(rows[i].text)), &h), PARSE_OK);
        ck_assert_uint_eq(h.status, rows[i].status);
        ck_assert_int_eq(h.is_stream, rows[i].is_stream);
    }
}
END_TEST

START_TEST(a_status_that_is_none_is_bad)
{
    static const char *const bad[] = {"", " ", "OK", "20x", "1000", "99", "-200"};
    char text[64];
    struct head h;
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        snprintf(text, sizeof text, "Status: %s\r\n\r\n", bad[i]);
        ck_assert_int_eq(head_read(guard_copy(slice_of(text)), &h), PARSE_BAD);
    }
}
END_TEST

START_TEST(a_cursor_of_version_1_counts_as_well)
{
    struct head h;
    ck_assert_int_eq(head_read(SLICE("Mercure-Last-Event-ID: earliest\r\n\r\n"), &h), PARSE_OK);
    ck_assert(slice_eq(h.granted, SLICE("earliest")));
}
END_TEST

UNIT_MAIN("head", every_prefix_of_a_head_asks_for_more, only_a_200_with_that_type_is_a_stream,
          a_status_that_is_none_is_bad, a_cursor_of_version_1_counts_as_well)
