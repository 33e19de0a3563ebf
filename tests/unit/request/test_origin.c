/* Origins: those that are let in, and what is said of those that are not. */

#include "request/origin.h"

#include "unit/guard.h"

#include <stdio.h>

static const struct {
    const char *pattern, *origin;
    bool exact, ignoring_case;
} origins[] = {
    {"https://a.example", "https://a.example", true, true},
    {"https://a.example", "https://A.example", false, true},
    {"https://a.example", "https://a.example:8443", false, false},
    {"*", "null", true, true},
    {"https://*.a.example", "https://x.y.a.example", true, true},
    {"https://*.a.example", "https://a.example", false, false},
    {"https://*.a.example", "http://x.a.example", false, false},
    {"https://a*a", "https://a", false, false},
    {"https://a.example:*", "https://a.example:1", true, true},
};

START_TEST(origins_match_as_the_page_says)
{
    for (size_t i = 0; i < sizeof origins / sizeof origins[0]; i++) {
        struct slice pattern = slice_of(origins[i].pattern), origin = slice_of(origins[i].origin);
        ck_assert_msg(origin_matches(pattern, guard_copy(origin), false) == origins[i].exact,
                      "row %zu", i);
        ck_assert_msg(origin_matches(pattern, guard_copy(origin), true) == origins[i].ignoring_case,
                      "row %zu", i);
    }
}
END_TEST

START_TEST(a_referer_has_the_origin_of_its_url)
{
    struct slice origin;
    ck_assert(origin_of_referer(guard_copy(SLICE("https://a.example:1/x?y")), &origin));
    ck_assert(slice_eq(origin, SLICE("https://a.example:1")));
    ck_assert(origin_of_referer(guard_copy(SLICE("http://a#x")), &origin));
    ck_assert(slice_eq(origin, SLICE("http://a")));
    ck_assert(!origin_of_referer(guard_copy(SLICE("a.example/x")), &origin));
    ck_assert(!origin_of_referer(guard_copy(SLICE("http:///x")), &origin));
    ck_assert(!origin_of_referer(guard_copy(SLICE("://a")), &origin));
    ck_assert(!origin_of_referer(guard_copy(SLICE("")), &origin));
}
END_TEST

static const struct {
    const char *pattern, *origin, *difference; /* NULL: not near */
} near_ones[] = {
    {"https://a.example", "http://a.example", "its scheme"},
    {"http://a.example:3000", "https://a.example", "its scheme"},
    {"a.example", "https://a.example", "its scheme, which is missing"},
    {"https://a.example/", "https://a.example", "the slash behind its host"},
    {"https://a.example/app", "https://a.example", "the slash behind its host"},
    {"https://a.example:443", "https://a.example", "its port"},
    {"http://[::1]:1", "http://[::1]:2", "its port"},
    {"http://[::1]", "http://[::1]:2", "its port"},
    {"https://*.a.example", "http://x.a.example", "its scheme"},
    {"https://a.example", "https://A.example", "its case"},
    {"https://a.example", "https://b.example", NULL},
    {"https://a.example", "https://xa.example", NULL},
    {"https://a.example", "null", NULL},
    {"https://a.example", "", NULL},
    {"", "https://a.example", NULL},
    {"null", "null", NULL},
    {"://", "://", NULL},
};

START_TEST(a_near_origin_is_told_by_what_differs)
{
    for (size_t i = 0; i < sizeof near_ones / sizeof near_ones[0]; i++) {
        char out[200], want[200], *items[] = {(char *)near_ones[i].pattern};
        struct string_list list = {.items = items, .count = 1};
        if (near_ones[i].difference)
            snprintf(want, sizeof want, "names has %s, which differs in %s", items[0],
                     near_ones[i].difference);
        else
            snprintf(want, sizeof want, "it is not in names");
        struct slice origin = guard_copy(slice_of(near_ones[i].origin));
        struct slice said = origin_advice(&list, "names", origin, out, sizeof out);
        ck_assert_msg(slice_eq(said, slice_of(want)), "row %zu: %s", i, out);
    }
}
END_TEST

START_TEST(the_first_near_origin_of_a_list_is_named)
{
    char out[30];
    char *items[] = {"https://other.example", "https://a.example:1", "http://a.example"};
    struct string_list list = {.items = items, .count = 3};
    ck_assert_uint_eq(origin_advice(&list, "names", SLICE("http://a.example:2"), out, 30).len, 29);
    char room[200];
    ck_assert(slice_eq(origin_advice(&list, "names", SLICE("http://a.example:2"), room, 200),
                       SLICE("names has https://a.example:1, which differs in its scheme")));
    ck_assert(slice_eq(origin_advice(&list, "names", SLICE("http://b.example"), room, 200),
                       SLICE("it is not in names")));
}
END_TEST

UNIT_MAIN("request/origin", origins_match_as_the_page_says, a_referer_has_the_origin_of_its_url,
          a_near_origin_is_told_by_what_differs, the_first_near_origin_of_a_list_is_named)
