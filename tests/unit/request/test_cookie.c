/* Cookies. */

#include "request/cookie.h"

#include "unit/guard.h"

static const struct {
    struct slice header;
    const char *value; /* NULL: none */
} cookies[] = {
    {SLICE_INIT("a=1"), "1"},     {SLICE_INIT("b=2; a=1"), "1"}, {SLICE_INIT("b=2;a=1;a=3"), "1"},
    {SLICE_INIT("a=\"1\""), "1"}, {SLICE_INIT("a="), ""},        {SLICE_INIT("a=\"\""), ""},
    {SLICE_INIT("a=1=2"), "1=2"}, {SLICE_INIT("A=1"), NULL},     {SLICE_INIT("aa=1; b=a=1"), NULL},
    {SLICE_INIT("a"), NULL},      {SLICE_INIT(""), NULL},        {SLICE_INIT(";;; a=1"), "1"},
};

START_TEST(the_first_cookie_of_exactly_that_name_counts)
{
    for (size_t i = 0; i < sizeof cookies / sizeof cookies[0]; i++) {
        struct slice value;
        bool found = cookie_find(guard_copy(cookies[i].header), SLICE("a"), &value);
        ck_assert_msg(found == (cookies[i].value != NULL), "row %zu", i);
        if (found)
            ck_assert_msg(slice_eq(value, slice_of(cookies[i].value)), "row %zu", i);
    }
}
END_TEST

UNIT_MAIN("request/cookie", the_first_cookie_of_exactly_that_name_counts)
