/* The table of directives: what holds for every row. */

#include "config/option.h"

#include "unit/guard.h"

static bool
is_ours(const struct option *o)
{
    return o->kind == OPTION_VALUE || o->kind == OPTION_SPECIAL;
}

START_TEST(a_name_is_known_once)
{
    for (size_t i = 0; i < option_count; i++) {
        const struct option *o = &option_table[i];
        if (o->kind == OPTION_GROUP || o->kind == OPTION_PAST || o->kind == OPTION_PART)
            continue;
        ck_assert_msg(option_find(o->block, slice_of(o->name)) == o, "%s", o->name);
    }
    ck_assert_ptr_null(option_find(NULL, SLICE("max_events")));
    ck_assert_ptr_nonnull(option_find("history", SLICE("max_events")));
    ck_assert_ptr_null(option_find(NULL, SLICE("Listening")));
}
END_TEST

START_TEST(a_block_is_of_a_directive_that_takes_one)
{
    for (size_t i = 0; i < option_count; i++) {
        const struct option *o = &option_table[i];
        if (o->block == NULL)
            continue;
        struct slice name = slice_of(o->block);
        const struct option *outer = option_find(NULL, slice_head(name, slice_index(name, ' ')));
        ck_assert_msg(outer && outer->takes_block, "%s", o->block);
    }
}
END_TEST

START_TEST(what_is_renamed_is_a_directive_here)
{
    for (size_t i = 0; i < option_count; i++) {
        const struct option *o = &option_table[i];
        if (o->kind != OPTION_RENAMED)
            continue;
        struct slice to = slice_of(o->help);
        const struct option *here = option_find(NULL, slice_head(to, slice_index(to, ' ')));
        ck_assert_msg(here && is_ours(here), "%s", o->name);
    }
}
END_TEST

START_TEST(parts_and_what_is_past_a_bound_stand_below_their_row)
{
    const char *above = "";
    for (size_t i = 0; i < option_count; i++) {
        const struct option *o = &option_table[i];
        if (is_ours(o))
            above = o->name;
        if (o->kind == OPTION_PART || o->kind == OPTION_PAST)
            ck_assert_str_eq(o->name, above);
        if (o->kind == OPTION_PAST)
            ck_assert_msg(is_ours(o - 1), "%s", o->name);
    }
}
END_TEST

START_TEST(every_directive_of_ours_means_something_in_a_dialect)
{
    for (size_t i = 0; i < option_count; i++)
        if (is_ours(&option_table[i]))
            ck_assert_msg(option_table[i].dialects != 0, "%s", option_table[i].name);
}
END_TEST

UNIT_MAIN("config/option", a_name_is_known_once, a_block_is_of_a_directive_that_takes_one,
          what_is_renamed_is_a_directive_here, parts_and_what_is_past_a_bound_stand_below_their_row,
          every_directive_of_ours_means_something_in_a_dialect)
