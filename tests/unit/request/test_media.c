/* Media types, and which of them a request wants. */

#include "request/media.h"

#include "unit/guard.h"

static enum media_wish
wish(struct slice first, struct slice second)
{
    struct header headers[] = {
        {SLICE("Host"), SLICE("a")}, {SLICE("accept"), first}, {SLICE("ACCEPT"), second}};
    struct request r = {.headers = headers, .header_count = second.ptr ? 3 : 2};
    return media_wish(&r, SLICE("text/event-stream"));
}

static const struct {
    enum media_wish wish;
    struct slice accept;
} rows[] = {
    {MEDIA_WANTED, SLICE_INIT("text/event-stream")},
    {MEDIA_WANTED, SLICE_INIT("*/*")},
    {MEDIA_WANTED, SLICE_INIT("text/*")},
    {MEDIA_WANTED, SLICE_INIT("TEXT/Event-Stream ; q=0.001")},
    {MEDIA_WANTED, SLICE_INIT("text/event-stream;charset=utf-8")},
    {MEDIA_WANTED, SLICE_INIT("text/event-stream;x=\"a,b;q=0\"")},
    {MEDIA_WANTED, SLICE_INIT("application/json, text/plain, */*")},
    {MEDIA_WANTED, SLICE_INIT("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8")},
    {MEDIA_WANTED, SLICE_INIT("*/*;q=0, text/*")},
    {MEDIA_WANTED, SLICE_INIT("text/*;q=0, text/event-stream, */*;q=0")},
    {MEDIA_WANTED, SLICE_INIT("text/event-stream;v=1;q=0, text/event-stream")},
    {MEDIA_REFUSED, SLICE_INIT("application/json")},
    {MEDIA_REFUSED, SLICE_INIT("text/html, application/*")},
    {MEDIA_REFUSED, SLICE_INIT("text/event-streams")},
    {MEDIA_REFUSED, SLICE_INIT("text/event")},
    {MEDIA_REFUSED, SLICE_INIT("tex/*")},
    {MEDIA_REFUSED, SLICE_INIT("text/event-stream;q=0")},
    {MEDIA_REFUSED, SLICE_INIT("text/event-stream; Q=0.000")},
    {MEDIA_REFUSED, SLICE_INIT("*/*;q=0")},
    {MEDIA_REFUSED, SLICE_INIT("*/*, text/event-stream;q=0")},
    {MEDIA_REFUSED, SLICE_INIT("*/*, text/*;q=0.0")},
    {MEDIA_REFUSED, SLICE_INIT("application/json;x=\",text/event-stream,\"")},
    {MEDIA_UNSAID, SLICE_INIT("")},
    {MEDIA_UNSAID, SLICE_INIT(" , ,")},
    {MEDIA_UNSAID, SLICE_INIT("json")},
    {MEDIA_UNSAID, SLICE_INIT("application/json, *")},
    {MEDIA_UNSAID, SLICE_INIT("text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2")},
    {MEDIA_UNSAID, SLICE_INIT("application/json;q=low")},
    {MEDIA_UNSAID, SLICE_INIT("application/json;q=")},
    {MEDIA_UNSAID, SLICE_INIT("application/json;q=.")},
    {MEDIA_UNSAID, SLICE_INIT("application/json;q=-0")},
    {MEDIA_UNSAID, SLICE_INIT("a/b/c")},
    {MEDIA_UNSAID, SLICE_INIT("/json")},
    {MEDIA_UNSAID, SLICE_INIT("application/")},
    {MEDIA_UNSAID, SLICE_INIT("application/j\xc3\xa4son")},
};

START_TEST(the_closest_range_decides)
{
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        ck_assert_msg(wish(guard_copy(rows[i].accept), SLICE_OF(NULL, 0)) == rows[i].wish,
                      SLICE_FMT, SLICE_ARG(rows[i].accept));
}
END_TEST

START_TEST(several_headers_are_one_list)
{
    ck_assert_int_eq(wish(SLICE("text/html"), SLICE("text/event-stream")), MEDIA_WANTED);
    ck_assert_int_eq(wish(SLICE("*/*"), SLICE("text/event-stream;q=0")), MEDIA_REFUSED);
    ck_assert_int_eq(wish(SLICE("text/html"), SLICE("")), MEDIA_REFUSED);
    ck_assert_int_eq(wish(SLICE("text/html"), SLICE("?")), MEDIA_UNSAID);
}
END_TEST

START_TEST(without_accept_nothing_is_said)
{
    struct request none = {0};
    ck_assert_int_eq(media_wish(&none, SLICE("text/event-stream")), MEDIA_UNSAID);
}
END_TEST

START_TEST(a_type_is_two_tokens)
{
    static const struct slice good[] = {
        SLICE_INIT("a/b"), SLICE_INIT(" a/b "), SLICE_INIT("a/b;c=d"),
        SLICE_INIT("application/x-www-form-urlencoded ; charset=\"utf-8\"")};
    static const struct slice bad[] = {
        SLICE_INIT(""),        SLICE_INIT("a"),     SLICE_INIT("/"),    SLICE_INIT("a/"),
        SLICE_INIT("/b"),      SLICE_INIT(";a/b"),  SLICE_INIT("a /b"), SLICE_INIT("a/b c"),
        SLICE_INIT("a/b,c/d"), SLICE_INIT("a/\x80")};
    struct slice type;
    for (size_t i = 0; i < COUNT_OF(good); i++)
        ck_assert(media_type_read(guard_copy(good[i]), &type) && type.len >= 3);
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        ck_assert_msg(!media_type_read(guard_copy(bad[i]), &type), SLICE_FMT, SLICE_ARG(bad[i]));
}
END_TEST

UNIT_MAIN("request/media", the_closest_range_decides, several_headers_are_one_list,
          without_accept_nothing_is_said, a_type_is_two_tokens)
