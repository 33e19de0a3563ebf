/* Scheme, host and port. */

#include "base/site.h"

#include "unit/guard.h"

START_TEST(default_ports_and_cases_do_not_matter)
{
    static const struct {
        struct slice a, b;
        bool equal;
    } rows[] = {
        {SLICE_INIT("https://a.example"), SLICE_INIT("HTTPS://A.example:443/x"), true},
        {SLICE_INIT("http://a.example:80"), SLICE_INIT("http://a.example"), true},
        {SLICE_INIT("http://a.example"), SLICE_INIT("https://a.example"), false},
        {SLICE_INIT("http://a.example:443"), SLICE_INIT("https://a.example"), false},
        {SLICE_INIT("https://a.example:"), SLICE_INIT("https://a.example"), true},
        {SLICE_INIT("https://[::1]:8443"), SLICE_INIT("https://[::1]:8443/"), true},
        {SLICE_INIT("https://a.example:8443"), SLICE_INIT("https://a.example"), false},
        {SLICE_INIT("https://a.example"), SLICE_INIT("https://a.example.evil"), false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct site a, b;
        struct slice rest;
        ck_assert_msg(site_read(rows[i].a, &a, &rest), "row %zu", i);
        ck_assert_msg(site_read(rows[i].b, &b, &rest), "row %zu", i);
        ck_assert_msg(site_eq(&a, &b) == rows[i].equal, "row %zu", i);
    }
}
END_TEST

START_TEST(the_rest_is_what_follows_the_host)
{
    struct site s;
    struct slice rest;
    ck_assert(site_read(SLICE("https://a.example/path?q"), &s, &rest));
    ck_assert(slice_eq(rest, SLICE("/path?q")) && s.port == 443);
    ck_assert(site_read(SLICE("http://a.example?q"), &s, &rest));
    ck_assert(slice_eq(rest, SLICE("?q")) && s.port == 80);
}
END_TEST

START_TEST(what_is_no_site_is_refused)
{
    static const struct slice bad[] = {
        SLICE_INIT(""),
        SLICE_INIT("https://"),
        SLICE_INIT("https://:443"),
        SLICE_INIT("https://user@a.example"),
        SLICE_INIT("https://a.example:65536"),
        SLICE_INIT("ftp://a.example"),
        SLICE_INIT("a.example"),
        SLICE_INIT("https:/a.example"),
        SLICE_INIT("https://a b"),
        SLICE_INIT("https://[::1"),
        SLICE_INIT("null"),
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct site s;
        struct slice rest;
        ck_assert_msg(!site_read(guard_copy(bad[i]), &s, &rest), "row %zu", i);
    }
}
END_TEST

UNIT_MAIN("base/site", default_ports_and_cases_do_not_matter, the_rest_is_what_follows_the_host,
          what_is_no_site_is_refused)
