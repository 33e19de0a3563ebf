/* A page of /metrics as people read it. */

#include "cli/stat.h"

#include "unit/guard.h"

#include <stdlib.h>
#include <string.h>

static const char page[] =
    "# TYPE alipes info\n# HELP alipes this hub\nalipes_info{version=\"1\"} 1\n"
    "# TYPE alipes_x_bytes counter\n# UNIT alipes_x_bytes bytes\n# HELP alipes_x_bytes bytes read\n"
    "alipes_x_bytes_total 20971520\n"
    "# TYPE alipes_y gauge\n# HELP alipes_y streams open\nalipes_y 3\n"
    "# TYPE alipes_bounds_met counter\n# HELP alipes_bounds_met bounds\n"
    "alipes_bounds_met_total{bound=\"a\"} 0\nalipes_bounds_met_total{bound=\"b\"} 2\n"
    "# TYPE alipes_t_seconds histogram\n# UNIT alipes_t_seconds seconds\n"
    "# HELP alipes_t_seconds commits\n"
    "alipes_t_seconds_bucket{le=\"0.001\"} 50\nalipes_t_seconds_bucket{le=\"0.01\"} 98\n"
    "alipes_t_seconds_bucket{le=\"+Inf\"} 100\n"
    "alipes_t_seconds_count 100\nalipes_t_seconds_sum 0.2\n"
    "# TYPE mercure_updates counter\n# HELP mercure_updates again\nmercure_updates_total 7\n"
    "# EOF\n";

static const char people[] = "alipes version=\"1\"\n"
                             "      20 MiB  bytes read\n"
                             "           3  streams open\n"
                             "           2  bounds: bound=\"b\"\n"
                             "         100  commits\n"
                             "                mean 2 ms, half within 1 ms, 99% within more\n";

static char *
printed(struct slice text)
{
    char *out;
    size_t len;
    FILE *f = open_memstream(&out, &len);
    stat_print(text, f);
    fclose(f);
    return out;
}

START_TEST(a_page_is_a_line_a_figure)
{
    char *out = printed(guard_copy(SLICE(page)));
    ck_assert_str_eq(out, people);
    free(out);
}
END_TEST

START_TEST(a_page_that_is_cut_or_damaged_anywhere_does_no_harm)
{
    char copy[sizeof page];
    for (size_t i = 0; i < sizeof page; i++) {
        free(printed(guard_copy(SLICE_OF(page, i))));
        memcpy(copy, page, sizeof page);
        copy[i] = "{}\" \n0"[i % 6];
        free(printed(guard_copy(SLICE_OF(copy, sizeof page - 1))));
    }
}
END_TEST

UNIT_MAIN("cli/stat", a_page_is_a_line_a_figure,
          a_page_that_is_cut_or_damaged_anywhere_does_no_harm)
