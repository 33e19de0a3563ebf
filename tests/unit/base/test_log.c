/* Log lines: both formats, levels, and that a peer's bytes cannot make a line of their own. */

#include "base/log.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int ends[2];
static char line[8192];

static void
open_log(enum log_format format, enum log_level least)
{
    ck_assert_int_eq(pipe(ends), 0);
    log_open(format, least, ends[1]);
}

/* What was written so far, behind the time stamp of its first line. */
static const char *
written(const char *behind)
{
    close(ends[1]);
    ssize_t n = read(ends[0], line, sizeof line - 1);
    ck_assert_int_ge(n, 0);
    line[n] = 0;
    close(ends[0]);
    const char *at = strstr(line, behind);
    return at ? at : line;
}

START_TEST(a_line_is_key_equals_value)
{
    open_log(LOG_LOGFMT, LOG_INFO);
    log_line(LOG_WARN, "refused", "conn=%d reason=%s", 7, "expired");
    ck_assert_str_eq(written("level="), "level=warn event=refused conn=7 reason=expired\n");
    ck_assert_int_eq(strncmp(line, "time=20", 7), 0);
    ck_assert_ptr_nonnull(strstr(line, "Z level="));
}
END_TEST

START_TEST(a_line_without_fields_ends_with_the_event)
{
    open_log(LOG_LOGFMT, LOG_INFO);
    log_line(LOG_INFO, "stopped", "%s", "");
    ck_assert_str_eq(written("level="), "level=info event=stopped\n");
}
END_TEST

START_TEST(json_has_the_same_members)
{
    open_log(LOG_JSON, LOG_INFO);
    log_line(LOG_ERROR, "refused", "conn=%d reason=%s why=\"two words\" v=1.5 z=007 none=", 7, "x");
    ck_assert_str_eq(written("\"level\""),
                     "\"level\":\"error\",\"event\":\"refused\",\"conn\":7,\"reason\":\"x\","
                     "\"why\":\"two words\",\"v\":\"1.5\",\"z\":\"007\",\"none\":\"\"}\n");
    ck_assert_int_eq(strncmp(line, "{\"time\":\"20", 11), 0);
}
END_TEST

START_TEST(json_keeps_the_escapes_of_a_peers_bytes)
{
    open_log(LOG_JSON, LOG_INFO);
    log_line(LOG_INFO, "seen", "path=%s n=%d", LOG_SLICE(SLICE("a\" level=\"x\\\n")), 1);
    ck_assert_str_eq(written("\"path\""), "\"path\":\"a\\\" level=\\\"x\\\\\\u000a\",\"n\":1}\n");
}
END_TEST

START_TEST(lines_below_the_least_level_are_not_written)
{
    open_log(LOG_LOGFMT, LOG_WARN);
    ck_assert(!log_wants(LOG_DEBUG));
    ck_assert(!log_wants(LOG_INFO));
    ck_assert(log_wants(LOG_WARN));
    log_line(LOG_INFO, "quiet", "a=1");
    log_line(LOG_ERROR, "loud", "a=2");
    ck_assert_str_eq(written("level="), "level=error event=loud a=2\n");
}
END_TEST

START_TEST(the_journal_is_told_the_priority_and_no_time)
{
    char stream[64];
    struct stat st;
    ck_assert_int_eq(pipe(ends), 0);
    ck_assert_int_eq(fstat(ends[1], &st), 0);
    snprintf(stream, sizeof stream, "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
    setenv("JOURNAL_STREAM", stream, 1);
    log_open(LOG_LOGFMT, LOG_INFO, ends[1]);
    log_line(LOG_ERROR, "a", "%s", "");
    log_line(LOG_WARN, "b", "%s", "");
    log_line(LOG_INFO, "c", "%s", "");
    written("");
    ck_assert_int_eq(strncmp(line, "<3>level=", 9), 0);
    ck_assert_ptr_nonnull(strstr(line, "event=a\n<4>level="));
    ck_assert_ptr_nonnull(strstr(line, "event=b\n<6>level="));

    open_log(LOG_LOGFMT, LOG_INFO); /* another file than the one that it names */
    log_line(LOG_ERROR, "a", "%s", "");
    written("");
    ck_assert_int_eq(strncmp(line, "time=", 5), 0);
    ck_assert_str_eq(log_priority(LOG_ERROR), "");
    unsetenv("JOURNAL_STREAM");
}
END_TEST

START_TEST(a_slice_is_quoted_and_escaped)
{
    char out[100];
    ck_assert_str_eq(log_slice(out, sizeof out, SLICE("plain")), "\"plain\"");
    ck_assert_str_eq(log_slice(out, sizeof out, SLICE("a\"b\\c")), "\"a\\\"b\\\\c\"");
    ck_assert_str_eq(log_slice(out, sizeof out, SLICE("a\r\n\0\x7f\xff")),
                     "\"a\\u000d\\u000a\\u0000\\u007f\\u00ff\"");
    ck_assert_str_eq(log_slice(out, sizeof out, SLICE_OF(NULL, 0)), "\"\"");
}
END_TEST

START_TEST(a_long_slice_is_cut_within_its_room)
{
    char bytes[500], out[64];
    memset(bytes, '\n', sizeof bytes);
    for (size_t len = 0; len < sizeof bytes; len++) {
        log_slice(out, sizeof out, SLICE_OF(bytes, len));
        size_t n = strlen(out);
        ck_assert_uint_lt(n, sizeof out);
        ck_assert_int_eq(out[n - 1], '"');
    }
    ck_assert_ptr_nonnull(strstr(out, "...\""));
}
END_TEST

START_TEST(a_line_too_long_is_cut_and_still_one_line)
{
    open_log(LOG_LOGFMT, LOG_INFO);
    log_line(LOG_INFO, "long", "a=%05000d", 1);
    const char *text = written("level=");
    size_t n = strlen(text);
    ck_assert_uint_gt(n, 1000);
    ck_assert_ptr_eq(strchr(text, '\n'), text + n - 1);
}
END_TEST

START_TEST(one_place_logs_once_a_second_and_counts_the_rest)
{
    static struct log_limit limit;
    uint64_t suppressed = 99;
    ck_assert(log_allowed(&limit, &suppressed));
    ck_assert_uint_eq(suppressed, 0);
    int allowed = 0;
    for (int i = 0; i < 100; i++)
        allowed += log_allowed(&limit, &suppressed);
    ck_assert_int_le(allowed, 1); /* one if the second ended meanwhile */
}
END_TEST

static int told;

static void
tell(void)
{
    told++;
}

START_TEST(whoever_writes_past_the_bound_tells_and_nobody_after_that)
{
    char fields[100] = "";
    memset(fields, 'x', sizeof fields - 1);
    open_log(LOG_LOGFMT, LOG_INFO);
    log_watch(0, 1000, tell);
    for (int i = 0; i < 6; i++)
        log_line(LOG_INFO, "e", "v=%s", fields);
    ck_assert_int_eq(told, 0);
    for (int i = 0; i < 20; i++)
        log_line(LOG_INFO, "e", "v=%s", fields);
    ck_assert_int_eq(told, 1);
    log_watch(1000, 1000, tell);
    log_line(LOG_INFO, "e", "%s", "");
    ck_assert_int_eq(told, 2);
    log_watch(5, 0, tell);
    for (int i = 0; i < 20; i++)
        log_line(LOG_INFO, "e", "v=%s", fields);
    ck_assert_int_eq(told, 2);
    written("");
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("base/log");
    TCase *tcase = tcase_create("log");
    tcase_add_test(tcase, a_line_is_key_equals_value);
    tcase_add_test(tcase, a_line_without_fields_ends_with_the_event);
    tcase_add_test(tcase, json_has_the_same_members);
    tcase_add_test(tcase, json_keeps_the_escapes_of_a_peers_bytes);
    tcase_add_test(tcase, lines_below_the_least_level_are_not_written);
    tcase_add_test(tcase, the_journal_is_told_the_priority_and_no_time);
    tcase_add_test(tcase, a_slice_is_quoted_and_escaped);
    tcase_add_test(tcase, a_long_slice_is_cut_within_its_room);
    tcase_add_test(tcase, a_line_too_long_is_cut_and_still_one_line);
    tcase_add_test(tcase, whoever_writes_past_the_bound_tells_and_nobody_after_that);
    tcase_add_test(tcase, one_place_logs_once_a_second_and_counts_the_rest);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
