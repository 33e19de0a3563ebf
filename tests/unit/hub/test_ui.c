/* The page's paths: H/ui and what is below it, and nothing else. */

#include "hub/ui.h"

#include "base/alloc.h"
#include "unit/guard.h"

START_TEST(paths_below_the_hubs_ui_are_the_pages_and_one_is_the_metrics)
{
    static const struct {
        struct slice path;
        bool is, is_metrics;
    } rows[] = {
        {SLICE_INIT("/hub/ui"), true, false},
        {SLICE_INIT("/hub/ui/"), true, false},
        {SLICE_INIT("/hub/ui/ui.js"), true, false},
        {SLICE_INIT("/hub/ui/metrics"), true, true},
        {SLICE_INIT("/hub/ui/metrics/"), true, false},
        {SLICE_INIT("/hub/ui//metrics"), true, false},
        {SLICE_INIT("/hub/ui/../x"), true, false},
        {SLICE_INIT("/hub/uix"), false, false},
        {SLICE_INIT("/hub/u"), false, false},
        {SLICE_INIT("/hubui"), false, false},
        {SLICE_INIT("/hub"), false, false},
        {SLICE_INIT("/hub/metrics"), false, false},
        {SLICE_INIT("/ui/"), false, false},
        {SLICE_INIT("/hub/UI/"), false, false},
        {SLICE_INIT(""), false, false},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        ck_assert_msg(ui_path_is(SLICE("/hub"), rows[i].path) == rows[i].is, "row %zu", i);
        ck_assert_msg(ui_path_is_metrics(SLICE("/hub"), rows[i].path) == rows[i].is_metrics,
                      "row %zu", i);
    }
}
END_TEST

UNIT_MAIN("hub/ui", paths_below_the_hubs_ui_are_the_pages_and_one_is_the_metrics)
