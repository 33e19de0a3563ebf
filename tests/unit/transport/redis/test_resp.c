/* Whatever Redis answers is read the same however it is cut, and never takes more than its bounds.
 */

#include "transport/redis/resp.h"

#include "base/alloc.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static const struct resp_bounds bounds = {.bulk = 1000, .answer = 100000, .items = 100};
static struct resp_reader *reader;

static void
setup(void)
{
    struct error err;
    ck_assert_msg(resp_prepare(&err), "%s", err.text);
    reader = resp_reader_new(&bounds);
}

static void
teardown(void)
{
    resp_reader_free(&reader);
    ck_assert_ptr_null(reader);
}

static enum parse
feed(const char *text, const struct resp **ret)
{
    resp_reader_feed(reader, slice_of(text));
    return resp_reader_next(reader, ret);
}

static void
show(struct buf *into, const struct resp *r)
{
    static const char *const kinds[] = {"nil", "", "", "+", "-", ""};
    buf_add(into, slice_of(kinds[r->kind]));
    if (r->kind == RESP_INTEGER)
        buf_addf(into, "%lld", (long long)r->integer);
    if (r->kind == RESP_ARRAY)
        buf_add_byte(into, '[');
    for (uint32_t i = 0; i < r->count; i++) {
        show(into, &r->items[i]);
        buf_add_byte(into, i + 1 < r->count ? ',' : ']');
    }
    buf_add(into, r->text);
}

static const char stream[] = "+OK\r\n-ERR no\r\n:-12\r\n$-1\r\n$3\r\na\rb\r\n$0\r\n\r\n*-1\r\n"
                             "*2\r\n*2\r\n:1\r\n$2\r\nxy\r\n*1\r\n*1\r\n+z\r\n";
static const char shown[] = "+OK;-ERR no;-12;nil;a\rb;;nil;[[1,xy],[[+z]]];";

START_TEST(every_split_reads_the_same)
{
    for (size_t cut = 0; cut < sizeof stream; cut++) {
        struct slice all = SLICE_OF(stream, sizeof stream - 1);
        struct slice parts[] = {slice_head(all, cut), slice_from(all, cut)};
        struct buf text;
        buf_init(&text, 4096);
        for (int i = 0; i < 2; i++) {
            const struct resp *r;
            resp_reader_feed(reader, parts[i]);
            while (resp_reader_next(reader, &r) == PARSE_OK) {
                show(&text, r);
                buf_add_byte(&text, ';');
            }
        }
        buf_add_byte(&text, '\0');
        ck_assert_str_eq(text.ptr, shown);
        buf_fini(&text);
    }
}
END_TEST

START_TEST(what_is_longer_than_its_bound_ends_the_stream_before_it_is_there)
{
    static const struct {
        const char *begin, *why;
    } rows[] = {
        {"*101\r\n", "an array of an answer is too long"},
        {"*2147483647\r\n", "an array of an answer is too long"},
        {"*4294967296\r\n", "Multi-bulk length out of range"},
        {"*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n",
         "No support for nested multi bulk replies with depth > 7"},
        {"*100\r\n*100\r\n*100\r\n*100\r\n*100\r\n*100\r\n*100\r\n", NULL},
        {"$-2\r\n", "Bulk string length out of range"},
        {"$x\r\n", "Bad bulk string length"},
        {"%1\r\n", "Protocol error, got \"%\" as reply type byte"},
        {"HTTP/1.1 400 Bad Request\r\n", "Protocol error, got \"H\" as reply type byte"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct resp *r;
        enum parse p = feed(rows[i].begin, &r);
        ck_assert_int_eq(p, rows[i].why ? PARSE_BAD : PARSE_MORE);
        if (rows[i].why)
            ck_assert_str_eq(resp_reader_error(reader), rows[i].why);
        resp_reader_free(&reader);
        reader = resp_reader_new(&bounds);
    }
}
END_TEST

/* Feeds `begin`, then 100 bytes at a time: how many until the reader has had enough. */
static size_t
bytes_until_bad(const char *begin, size_t most)
{
    const struct resp *r;
    char more[101];
    memset(more, 'x', 100);
    more[100] = '\0';
    enum parse p = feed(begin, &r);
    for (size_t fed = 0; fed < most; fed += 100) {
        if (p == PARSE_BAD)
            return fed;
        p = feed(more, &r);
    }
    return SIZE_MAX;
}

START_TEST(a_string_of_a_length_that_nobody_has_is_not_waited_for)
{
    ck_assert_uint_le(bytes_until_bad("$2147483648\r\n", 10000), 1200);
    ck_assert_str_eq(resp_reader_error(reader), "a string of an answer is too long");
}
END_TEST

START_TEST(a_line_without_an_end_is_not_waited_for)
{
    ck_assert_uint_le(bytes_until_bad("-ERR ", 10000), 1200);
}
END_TEST

START_TEST(a_short_string_past_its_bound_is_refused_too)
{
    char text[1100] = "$1001\r\n";
    const struct resp *r;
    memset(text + 7, 'x', 1001);
    strcpy(text + 1008, "\r\n");
    ck_assert_int_eq(feed(text, &r), PARSE_BAD);
    ck_assert_int_eq(resp_reader_next(reader, &r), PARSE_BAD);
}
END_TEST

/* 100,000 bytes as values of ours: fifty strings of 999, then many more. */
START_TEST(many_strings_together_are_bounded)
{
    char string[1100];
    const struct resp *r;
    memset(string, 'x', sizeof string);
    memcpy(string, "$999\r\n", 6);
    strcpy(string + 6 + 999, "\r\n");
    enum parse p = feed("*100\r\n", &r);
    unsigned taken = 0;
    for (; p == PARSE_MORE; taken++)
        p = feed(string, &r);
    ck_assert_int_eq(p, PARSE_BAD);
    ck_assert_str_eq(resp_reader_error(reader), "an answer is too long");
    ck_assert_uint_ge(taken, 90);
    ck_assert_uint_le(taken, 98);
}
END_TEST

START_TEST(an_answer_leaves_nothing_to_the_next)
{
    for (unsigned i = 0; i < 1000; i++) {
        const struct resp *r;
        ck_assert_int_eq(feed("*2\r\n$900\r\n", &r), PARSE_MORE);
        char body[904] = "";
        memset(body, 'y', 900);
        strcpy(body + 900, "\r\n");
        ck_assert_int_eq(feed(body, &r), PARSE_MORE);
        ck_assert_int_eq(feed(":7\r\n", &r), PARSE_OK);
        ck_assert_uint_eq(r->items[0].text.len, 900);
        ck_assert_int_eq(r->items[1].integer, 7);
    }
}
END_TEST

START_TEST(a_command_is_what_redis_reads)
{
    struct buf out;
    buf_init(&out, 1000);
    resp_begin(&out, 3);
    resp_add(&out, SLICE("SET"));
    resp_add(&out, SLICE("k\r\n"));
    resp_add_number(&out, 1234);
    ck_assert(slice_eq(buf_slice(&out), SLICE("*3\r\n$3\r\nSET\r\n$3\r\nk\r\n\r\n$4\r\n1234\r\n")));
    buf_fini(&out);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("resp");
    TCase *t = tcase_create("resp");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, every_split_reads_the_same);
    tcase_add_test(t, what_is_longer_than_its_bound_ends_the_stream_before_it_is_there);
    tcase_add_test(t, a_string_of_a_length_that_nobody_has_is_not_waited_for);
    tcase_add_test(t, a_line_without_an_end_is_not_waited_for);
    tcase_add_test(t, a_short_string_past_its_bound_is_refused_too);
    tcase_add_test(t, many_strings_together_are_bounded);
    tcase_add_test(t, an_answer_leaves_nothing_to_the_next);
    tcase_add_test(t, a_command_is_what_redis_reads);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
