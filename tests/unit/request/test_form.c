/* Forms as the WHATWG parser reads them. */

#include "request/form.h"

#include "unit/guard.h"

static const struct {
    struct slice form;
    struct slice pairs[8]; /* names and values in turn */
    size_t count;
} rows[] = {
    {SLICE_INIT(""), {{0}}, 0},
    {SLICE_INIT("&&"), {{0}}, 0},
    {SLICE_INIT("a=b"), {SLICE_INIT("a"), SLICE_INIT("b")}, 2},
    {SLICE_INIT("a"), {SLICE_INIT("a"), SLICE_INIT("")}, 2},
    {SLICE_INIT("=b"), {SLICE_INIT(""), SLICE_INIT("b")}, 2},
    {SLICE_INIT("a=b=c&d=;e=f"),
     {SLICE_INIT("a"), SLICE_INIT("b=c"), SLICE_INIT("d"), SLICE_INIT(";e=f")},
     4},
    {SLICE_INIT("a+b=c+d%2Be"), {SLICE_INIT("a b"), SLICE_INIT("c d+e")}, 2},
    {SLICE_INIT("%6Datch=%e2%98%83%00"), {SLICE_INIT("match"), SLICE_INIT("\xe2\x98\x83\0")}, 2},
    {SLICE_INIT("a=%&b=%2&c=%zz&d=%%41"),
     {SLICE_INIT("a"), SLICE_INIT("%"), SLICE_INIT("b"), SLICE_INIT("%2"), SLICE_INIT("c"),
      SLICE_INIT("%zz"), SLICE_INIT("d"), SLICE_INIT("%A")},
     8},
    {SLICE_INIT("%3D=%26&x=\xff"),
     {SLICE_INIT("="), SLICE_INIT("&"), SLICE_INIT("x"), SLICE_INIT("\xff")},
     4},
};

static void
judge_row(size_t i, struct arena *arena)
{
    struct form form = {guard_copy(rows[i].form)};
    struct slice name, value;
    size_t n = 0;
    bool failed = false;
    for (; form_next(&form, arena, &name, &value, &failed); n += 2) {
        ck_assert_msg(n < rows[i].count, "row %zu has more", i);
        ck_assert_msg(slice_eq(name, rows[i].pairs[n]), "row %zu, name %zu", i, n);
        ck_assert_msg(slice_eq(value, rows[i].pairs[n + 1]), "row %zu, value %zu", i, n);
    }
    ck_assert_uint_eq(n, rows[i].count);
    ck_assert(!failed);
}

START_TEST(every_row_is_read_as_it_says)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct arena arena;
        arena_init(&arena, 65536);
        judge_row(i, &arena);
        arena_fini(&arena);
    }
}
END_TEST

START_TEST(every_row_reads_the_same_where_it_is_decoded_in_its_own_place)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        judge_row(i, NULL);
}
END_TEST

START_TEST(an_arena_that_is_full_is_told)
{
    struct arena arena;
    struct form form = {SLICE("a=%41%41%41%41%41%41%41%41%41%41%41%41%41%41%41%41%41%41")};
    struct slice name, value;
    bool failed = false;
    arena_init(&arena, 4);
    ck_assert(!form_next(&form, &arena, &name, &value, &failed));
    ck_assert(failed);
    arena_fini(&arena);
}
END_TEST

UNIT_MAIN("request/form", every_row_is_read_as_it_says,
          every_row_reads_the_same_where_it_is_decoded_in_its_own_place,
          an_arena_that_is_full_is_told)
