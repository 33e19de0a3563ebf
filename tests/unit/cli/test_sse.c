/* An event stream as a browser reads it, however it is cut. */

#include "cli/sse.h"

#include "unit/guard.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct heard {
    char text[1024];
    size_t len;
};

static void
note(void *context, const struct sse_event *e)
{
    struct heard *h = context;
    h->len += (size_t)snprintf(h->text + h->len, sizeof h->text - h->len,
                               "<" SLICE_FMT "|" SLICE_FMT "|" SLICE_FMT ">", SLICE_ARG(e->id),
                               SLICE_ARG(e->type), SLICE_ARG(e->data));
}

static const struct {
    struct slice stream;
    const char *heard, *id;
    uint64_t retry;
} rows[] = {
    {SLICE_INIT("id: 1\ndata: a\n\n"), "<1||a>", "1", UINT64_MAX},
    {SLICE_INIT("\xef\xbb\xbf"
                "data:a\r\n\r\ndata: b\r\rdata:  c\n\n"),
     "<||a><||b><|| c>", "", UINT64_MAX},
    {SLICE_INIT("event: x\ndata: 1\ndata\ndata: 3\n\ndata: y\n\n"), "<|x|1\n\n3><||y>", "",
     UINT64_MAX},
    {SLICE_INIT(": a comment\n\nid: 7\n\n: more\nretry: 250\n\n"), "", "7", 250},
    {SLICE_INIT("id: 1\ndata: a\n\ndata: b\n\nid\ndata: c\n\n"), "<1||a><1||b><||c>", "",
     UINT64_MAX},
    {SLICE_INIT("id: 1\0\ndata: a\n\nretry: 1s\nretry: -1\nfoo: bar\nDATA: no\n\n"), "<||a>", "",
     UINT64_MAX},
    {SLICE_INIT("id: 5\ndata: never ended\n"), "", "", UINT64_MAX},
    {SLICE_INIT("event: only\n\ndata: a\n\n"), "<||a>", "", UINT64_MAX},
};

static void
check(size_t row, size_t cut)
{
    struct sse s;
    struct heard h = {.len = 0};
    struct slice all = rows[row].stream;
    sse_init(&s, note, &h);
    ck_assert(sse_feed(&s, guard_copy(slice_head(all, cut))));
    ck_assert(sse_feed(&s, guard_copy(slice_from(all, cut))));
    ck_assert_str_eq(h.text, rows[row].heard);
    ck_assert(slice_eq(buf_slice(&s.id), slice_of(rows[row].id)));
    ck_assert(s.retry_ms == rows[row].retry);
    sse_fini(&s);
}

START_TEST(every_split_of_a_stream_is_heard_the_same)
{
    for (size_t row = 0; row < COUNT_OF(rows); row++)
        for (size_t cut = 0; cut <= rows[row].stream.len; cut++)
            check(row, cut);
}
END_TEST

START_TEST(a_stream_byte_by_byte_is_heard_the_same)
{
    for (size_t row = 0; row < COUNT_OF(rows); row++) {
        struct sse s;
        struct heard h = {.len = 0};
        sse_init(&s, note, &h);
        for (size_t i = 0; i < rows[row].stream.len; i++)
            ck_assert(sse_feed(&s, SLICE_OF(rows[row].stream.ptr + i, 1)));
        ck_assert_str_eq(h.text, rows[row].heard);
        sse_fini(&s);
    }
}
END_TEST

START_TEST(another_connection_forgets_what_was_half_said_and_keeps_the_cursor)
{
    struct sse s;
    struct heard h = {.len = 0};
    sse_init(&s, note, &h);
    ck_assert(sse_feed(&s, SLICE("retry: 9\nid: 1\ndata: a\n\nid: 2\nevent: x\ndata: half\r")));
    sse_restart(&s);
    ck_assert(slice_eq(buf_slice(&s.id), SLICE("1")));
    ck_assert(sse_feed(&s, SLICE("\ndata: b\n\n")));
    ck_assert_str_eq(h.text, "<1||a><1||b>");
    ck_assert_uint_eq(s.retry_ms, 9);
    sse_fini(&s);
}
END_TEST

START_TEST(a_line_without_an_end_has_a_bound)
{
    struct sse s;
    struct heard h = {.len = 0};
    size_t fed = 0, piece = 1024 * 1024;
    char *bytes = malloc(piece);
    memset(bytes, 'x', piece);
    sse_init(&s, note, &h);
    while (sse_feed(&s, SLICE_OF(bytes, piece)))
        fed += piece;
    ck_assert_uint_eq(fed, SSE_MAX_LINE);
    sse_fini(&s);
    free(bytes);
}
END_TEST

UNIT_MAIN("cli/sse", every_split_of_a_stream_is_heard_the_same,
          a_stream_byte_by_byte_is_heard_the_same,
          another_connection_forgets_what_was_half_said_and_keeps_the_cursor,
          a_line_without_an_end_has_a_bound)
