/* Two pages of /metrics as five lines. */

#include "cli/figure.h"
#include "cli/summary.h"

#include "unit/guard.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char before[] = "alipes_publishes_total 100\nalipes_deliveries_total 1000\n";

static const char page[] =
    "# HELP alipes this hub\nalipes_info{version=\"1\",transport=\"log\",name=\"a\"} 1\n"
    "process_resident_memory_bytes 7340032\n"
    "alipes_streams 1234\nalipes_streams_catching_up 2\nalipes_streams_opened_total 3\n"
    "alipes_publishes_total 101\nalipes_deliveries_total 31000\nalipes_publishes_failed_total 5\n"
    "alipes_commit_seconds_bucket{le=\"0.001\"} 99\nalipes_commit_seconds_bucket{le=\"+Inf\"} 100\n"
    "alipes_history_events 50000\nalipes_history_bytes 20971520\n"
    "alipes_history_age_seconds 7200.5\n"
    "alipes_bounds_met_total{bound=\"a\"} 0\nalipes_bounds_met_total{bound=\"b\"} 2\n"
    "alipes_bounds_met_total{bound=\"c\"} 1\nalipes_bounds_met_total{bound=\"d\"} 1\n"
    "alipes_bounds_met_total{bound=\"e\"} 1\nalipes_bounds_met_total{bound=\"f\"} 1\n"
    "alipes_refused_total{status=\"401\",reason=\"no_token\"} 12345\n# EOF\n";

static const char people[] =
    "hub         alipes 1 a, transport log, up 0 s, memory 7168 KiB\n"
    "streams     1,234 of 2,000 (62%), 2 catching up; 1.5 begin and 0 end a second\n"
    "traffic     0.5 publishes a second (committed within 1 ms), 15,000 deliveries a second "
    "(within -), 5 FAILED\n"
    "history     50,000 updates of 100,000 (50%), 20 MiB, the oldest 2.0 h old\n"
    "trouble     bounds met: b 2, c 1, d 1, e 1 and 1 more; refused: no_token 12,345\n";

static char *
printed(struct slice text, struct slice earlier, double seconds)
{
    char *out;
    size_t len;
    FILE *f = open_memstream(&out, &len);
    struct config *c = config_new();
    c->max_streams = 2000;
    c->max_events = 100000;
    c->max_bytes = 0;
    summary_print(f, c, earlier, text, seconds);
    config_free(&c);
    fclose(f);
    return out;
}

START_TEST(five_lines_say_rates_and_bounds_in_use)
{
    char *out = printed(guard_copy(SLICE(page)), slice_of(before), 2);
    ck_assert_str_eq(out, people);
    free(out);
}
END_TEST

START_TEST(streams_have_no_more_room_than_connections_unless_they_share_one)
{
    static const struct {
        const char *page, *line;
    } rows[] = {
        {"alipes_streams 14\nalipes_connections_most 28\n", "streams     14 of 28 (50%), 0 catch"},
        {"alipes_streams 14\nalipes_connections_most 9000\n", "streams     14 of 2,000 ("},
        {"alipes_streams 100\nalipes_connections_most 28\n", "streams     100 of 2,000 (5%)"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char *out = printed(slice_of(rows[i].page), slice_of(""), 1);
        ck_assert_ptr_nonnull(strstr(out, rows[i].line));
        free(out);
    }
}
END_TEST

START_TEST(a_page_that_is_cut_or_damaged_anywhere_does_no_harm)
{
    char copy[sizeof page];
    for (size_t i = 0; i < sizeof page; i++) {
        free(printed(guard_copy(SLICE_OF(page, i)), slice_of(before), 0));
        memcpy(copy, page, sizeof page);
        copy[i] = "{}\" \n09"[i % 7];
        free(printed(guard_copy(SLICE_OF(copy, sizeof page - 1)), slice_of(before), 1e-9));
    }
}
END_TEST

START_TEST(counts_have_commas)
{
    static const struct {
        double value;
        const char *text;
    } rows[] = {{0, "0"},
                {7, "7"},
                {999, "999"},
                {1000, "1,000"},
                {1234567, "1,234,567"},
                {-1, "0"},
                {1e30, "1,000,000,000,000,000,000"}};
    char out[40];
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        ck_assert_str_eq(figure_write_count(out, sizeof out, rows[i].value), rows[i].text);
    ck_assert_str_eq(figure_write_count(out, 4, 1234567), "1,2");
}
END_TEST

UNIT_MAIN("cli/summary", five_lines_say_rates_and_bounds_in_use,
          streams_have_no_more_room_than_connections_unless_they_share_one,
          a_page_that_is_cut_or_damaged_anywhere_does_no_harm, counts_have_commas)
