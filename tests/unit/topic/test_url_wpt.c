/* The URL standard's own tests (web-platform-tests, url/resources): every row of urltestdata.json,
 * toascii.json and, for UTF-8, percent-encoding.json.
 *
 * tests/data/wpt/exceptions.json lists what may differ, each with its reason, all of them Unicode's
 * version; with that version of ICU, a row that is listed and passes is a failure too.
 */

#include "topic/unicode.h"
#include "topic/url_canonical.h"
#include "topic/url_parse.h"

#include "unit/guard.h"
#include "unit/wpt.h"
#include "url_text.h"

static json_t *exceptions;
static size_t excepted;

static bool
is_excepted(const char *file, const json_t *row)
{
    size_t i;
    json_t *entry;
    json_array_foreach(exceptions, i, entry)
    {
        const char *in_file = json_string_value(json_object_get(entry, "file"));
        if (in_file && strcmp(in_file, file) == 0 &&
            json_equal(json_object_get(entry, "input"), json_object_get(row, "input")))
            return true;
    }
    return false;
}

/* ICU as old as the list of exceptions says? A newer one may know better. */
static bool
is_unicode_15_0(void)
{
    UVersionInfo version;
    unicode()->u_getUnicodeVersion(version);
    return version[0] == 15 && version[1] == 0;
}

/* A row is right, or listed as wrong. */
static void
settle(const char *file, const json_t *row, bool is_right, const char *what)
{
    bool listed = is_excepted(file, row);
    char *shown = json_dumps(row, JSON_COMPACT | JSON_ENSURE_ASCII);
    ck_assert_msg(is_right || listed, "%s: %s: %s", file, what, shown);
    ck_assert_msg(!is_right || !listed || !is_unicode_15_0(),
                  "%s: listed as an exception, but right: %s", file, shown);
    free(shown);
    excepted += !is_right;
}

static bool
parse(struct arena *arena, struct slice in, const struct url *base, struct url *ret)
{
    return url_parse(arena, guard_copy(in), base, ret);
}

/* `got` between `before` and `after`, unless it is empty, is what the member says. */
static bool
member_is(const json_t *row, const char *member, const char *before, struct slice got,
          const char *after)
{
    char text[4096];
    struct slice want = wpt_text(json_object_get(row, member));
    if (got.len == 0)
        return want.len == 0;
    int len = snprintf(text, sizeof text, "%s" SLICE_FMT "%s", before, SLICE_ARG(got), after);
    ck_assert_int_lt(len, sizeof text);
    return slice_eq(want, SLICE_OF(text, (size_t)len));
}

static bool
host_is(const json_t *row, const struct url *u)
{
    char text[4096];
    int len = snprintf(text, sizeof text, SLICE_FMT "%s" SLICE_FMT, SLICE_ARG(u->host),
                       u->port.len ? ":" : "", SLICE_ARG(u->port));
    return slice_eq(wpt_text(json_object_get(row, "host")), SLICE_OF(text, (size_t)len));
}

static const char *
judge_url(struct arena *arena, const json_t *row, const struct url *u)
{
    struct slice href, again;
    struct url reread;
    if (!url_serialise(arena, u, &href) || !slice_eq(href, wpt_text(json_object_get(row, "href"))))
        return "href";
    if (!parse(arena, href, NULL, &reread) || !url_serialise(arena, &reread, &again) ||
        !slice_eq(href, again))
        return "href read again";
    if (!member_is(row, "protocol", "", u->scheme, ":"))
        return "protocol";
    if (!member_is(row, "username", "", u->username, ""))
        return "username";
    if (!member_is(row, "password", "", u->password, ""))
        return "password";
    if (!host_is(row, u))
        return "host";
    if (!member_is(row, "hostname", "", u->host, ""))
        return "hostname";
    if (!member_is(row, "port", "", u->port, ""))
        return "port";
    if (!member_is(row, "pathname", "", u->path, ""))
        return "pathname";
    if (!member_is(row, "search", "?", u->query, ""))
        return "search";
    if (!member_is(row, "hash", "#", u->fragment, ""))
        return "hash";
    if (u->is_special != url_scheme_is_special(u->scheme))
        return "is_special";
    return NULL;
}

static bool
parses_against(struct arena *arena, struct slice in, struct slice base_text)
{
    struct url base, u;
    return url_parse(arena, base_text, NULL, &base) && parse(arena, in, &base, &u);
}

/* An input that is no URL by itself: relativeTo says against which bases it is one. (`http:a` is
 * relative to bases of its own scheme alone, so both are tried.) */
static const char *
judge_failure(struct arena *arena, const json_t *row)
{
    struct slice in = wpt_text(json_object_get(row, "input"));
    const char *relative_to = json_string_value(json_object_get(row, "relativeTo"));
    bool to_any = relative_to && strcmp(relative_to, "any-base") == 0;
    bool parses = parses_against(arena, in, SLICE("https://example.org/a/b?c")) ||
                  parses_against(arena, in, SLICE("http://example.org/a/b?c"));
    if (parses != (relative_to != NULL))
        return "relative to a base with segments";
    if (parses_against(arena, in, SLICE("mailto:a@example.org")) != to_any)
        return "relative to a base with an opaque path";
    return NULL;
}

static const char *
judge_row(struct arena *arena, const json_t *row)
{
    struct url base, u;
    const json_t *base_text = json_object_get(row, "base");
    bool wants_failure = json_is_true(json_object_get(row, "failure"));
    bool has_base = json_is_string(base_text);
    if (has_base && !parse(arena, wpt_text(base_text), NULL, &base))
        return wants_failure ? NULL : "base";
    if (!parse(arena, wpt_text(json_object_get(row, "input")), has_base ? &base : NULL, &u))
        return !wants_failure ? "is a URL" : has_base ? NULL : judge_failure(arena, row);
    return wants_failure ? "is no URL" : judge_url(arena, row, &u);
}

START_TEST(every_row_of_urltestdata)
{
    size_t i, count = 0;
    json_t *row, *rows = wpt_load("urltestdata.json");
    json_array_foreach(rows, i, row)
    {
        struct arena arena;
        if (!json_is_object(row))
            continue;
        arena_init(&arena, 1 << 20);
        const char *fault = judge_row(&arena, row);
        settle("urltestdata.json", row, fault == NULL, fault);
        arena_fini(&arena);
        count++;
    }
    printf("wpt: urltestdata.json: %zu rows, %zu exceptions\n", count, excepted);
    ck_assert_uint_ge(count, 891);
    json_decref(rows);
}
END_TEST

/* The domain as the host of an https URL; then as what is set as a host name. */
START_TEST(every_row_of_toascii)
{
    size_t i, count = 0;
    json_t *row, *rows = wpt_load("toascii.json");
    json_array_foreach(rows, i, row)
    {
        struct arena arena;
        struct url u;
        char text[1024];
        struct slice host;
        if (!json_is_object(row))
            continue;
        arena_init(&arena, 1 << 20);
        const json_t *want = json_object_get(row, "output");
        struct slice in = wpt_text(json_object_get(row, "input"));
        int len = snprintf(text, sizeof text, "https://" SLICE_FMT "/x", SLICE_ARG(in));
        bool ok = parse(&arena, SLICE_OF(text, (size_t)len), NULL, &u);
        bool ok_set = url_canonical_hostname(&arena, guard_copy(in), &host);
        if (json_is_null(want))
            settle("toascii.json", row, !ok && !ok_set, "is no domain");
        else
            settle("toascii.json", row,
                   ok && ok_set && slice_eq(u.host, wpt_text(want)) && slice_eq(host, u.host) &&
                       slice_eq(u.path, SLICE("/x")),
                   "output");
        arena_fini(&arena);
        count++;
    }
    printf("wpt: toascii.json: %zu rows, %zu exceptions\n", count, excepted);
    ck_assert_uint_ge(count, 87);
    json_decref(rows);
}
END_TEST

START_TEST(every_utf8_row_of_percent_encoding)
{
    size_t i, count = 0;
    json_t *row, *rows = wpt_load("percent-encoding.json");
    json_array_foreach(rows, i, row)
    {
        struct arena arena;
        struct url u;
        char text[1024];
        const json_t *want = json_object_get(json_object_get(row, "output"), "utf-8");
        if (want == NULL)
            continue;
        arena_init(&arena, 1 << 20);
        int len =
            snprintf(text, sizeof text, "https://doesnotmatter.invalid/?" SLICE_FMT "#" SLICE_FMT,
                     SLICE_ARG(wpt_text(json_object_get(row, "input"))),
                     SLICE_ARG(wpt_text(json_object_get(row, "input"))));
        bool ok = parse(&arena, SLICE_OF(text, (size_t)len), NULL, &u);
        settle("percent-encoding.json", row,
               ok && slice_eq(u.query, wpt_text(want)) && slice_eq(u.fragment, wpt_text(want)),
               "utf-8");
        arena_fini(&arena);
        count++;
    }
    printf("wpt: percent-encoding.json: %zu UTF-8 rows, %zu exceptions\n", count, excepted);
    ck_assert_uint_ge(count, 7);
    json_decref(rows);
}
END_TEST

static void
load_exceptions(void)
{
    exceptions = wpt_load("exceptions.json");
    excepted = 0;
}

static void
free_exceptions(void)
{
    json_decref(exceptions);
}

int
main(void)
{
    const TTest *const tests[] = {every_row_of_urltestdata, every_row_of_toascii,
                                  every_utf8_row_of_percent_encoding};
    Suite *suite = suite_create("topic/url against web-platform-tests");
    TCase *tcase = tcase_create("wpt");
    tcase_add_checked_fixture(tcase, load_exceptions, free_exceptions);
    for (size_t i = 0; i < COUNT_OF(tests); i++)
        tcase_add_test(tcase, tests[i]);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
