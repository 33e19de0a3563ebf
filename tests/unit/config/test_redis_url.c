/* Where a Redis is, in one word, and no word of a password in what is said of it. */

#include "config/redis_url.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *url, *shown; /* path|tls|host|port|user|password|db */
} good[] = {
    {"redis://r", "-|0|r|6379|-|-|0"},
    {"redis://r/", "-|0|r|6379|-|-|0"},
    {"redis://r:7000/3", "-|0|r|7000|-|-|3"},
    {"rediss://r.example:7000", "-|1|r.example|7000|-|-|0"},
    {"redis://alipes:s%40cret%3a@10.0.0.1/1", "-|0|10.0.0.1|6379|alipes|s@cret:|1"},
    {"redis://:secret@r", "-|0|r|6379|-|secret|0"},
    {"redis://alipes@r", "-|0|r|6379|alipes|-|0"},
    {"redis://a:p@ss@r:1", "-|0|r|1|a|p@ss|0"},
    {"redis://a:50%@r", "-|0|r|6379|a|50%|0"},
    {"redis://[::1]:7000/2", "-|0|::1|7000|-|-|2"},
    {"redis://[fe80::1%25eth0]", "-|0|fe80::1%25eth0|6379|-|-|0"},
    {"redis://r?db=4", "-|0|r|6379|-|-|4"},
    {"unix:///run/redis.sock", "/run/redis.sock|0|-|-|-|-|0"},
    {"unix:///run/re%20dis.sock?db=2", "/run/re dis.sock|0|-|-|-|-|2"},
    {"unix://u:p@/run/redis.sock", "/run/redis.sock|0|-|-|u|p|0"},
};

static const char *
or_dash(const char *text)
{
    return text ? text : "-";
}

START_TEST(a_url_says_where_and_as_whom)
{
    struct redis_url u;
    struct error err;
    char shown[300];
    ck_assert_msg(redis_url_read(slice_of(good[_i].url), "6379", &u, &err), "%s", err.text);
    snprintf(shown, sizeof shown, "%s|%d|%s|%s|%s|%s|%u", or_dash(u.path), u.has_tls,
             or_dash(u.host), or_dash(u.port), or_dash(u.user), or_dash(u.password), u.db);
    ck_assert_str_eq(shown, good[_i].shown);
    redis_url_clear(&u);
}
END_TEST

static const struct {
    const char *url, *why;
} bad[] = {
    {"", "expected redis://"},
    {"http://r", "expected redis://"},
    {"r:6379", "expected redis://"},
    {"redis://", "the host is missing"},
    {"redis:///3", "the host is missing"},
    {"redis://u:SECRET@", "the host is missing"},
    {"redis://SECRET:SECRET@r:0", "the port must be from 1 to 65535"},
    {"redis://r:65536", "the port must be"},
    {"redis://r:6379x", "the port must be"},
    {"redis://[::1", "the host is missing"},
    {"redis://[::1]x", "the port must be"},
    {"redis://SECRET@r/SECRET", "the database must be a number"},
    {"redis://r/1/2", "the database must be a number"},
    {"redis://r?db=x", "the database must be a number"},
    {"redis://r?ssl=SECRET", "behind the ? stands db=N alone"},
    {"unix://run/redis.sock?x", "behind the ?"},
    {"unix://", "begins with a slash"},
    {"unix:///", "begins with a slash"},
};

START_TEST(what_is_no_url_is_said_without_its_words)
{
    struct redis_url u;
    struct error err;
    ck_assert(!redis_url_read(slice_of(bad[_i].url), "6379", &u, &err));
    ck_assert_msg(strstr(err.text, bad[_i].why) != NULL, "%s", err.text);
    ck_assert_ptr_null(strstr(err.text, "SECRET"));
    ck_assert(u.host == NULL && u.path == NULL && u.password == NULL);
}
END_TEST

START_TEST(an_address_is_a_host_or_a_path)
{
    struct redis_url u;
    struct error err;
    ck_assert(redis_url_read_address(SLICE("s1"), "26379", &u, &err));
    ck_assert_str_eq(u.host, "s1");
    ck_assert_str_eq(u.port, "26379");
    redis_url_clear(&u);
    ck_assert(redis_url_read_address(SLICE("/run/r.sock"), "6379", &u, &err));
    ck_assert_str_eq(u.path, "/run/r.sock");
    redis_url_clear(&u);
    ck_assert(!redis_url_read_address(SLICE("redis://r"), "6379", &u, &err));
    ck_assert_str_eq(err.text, "expected HOST[:PORT], without a scheme");
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("redis_url");
    TCase *t = tcase_create("redis_url");
    tcase_add_loop_test(t, a_url_says_where_and_as_whom, 0, sizeof good / sizeof good[0]);
    tcase_add_loop_test(t, what_is_no_url_is_said_without_its_words, 0, sizeof bad / sizeof bad[0]);
    tcase_add_test(t, an_address_is_a_host_or_a_path);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
