/* URL Patterns beyond the standard's own tests: programs against the regular expressions that they
 * stand for, prefixes, limits, and what only a hostile subscriber sends. */

#include "topic/pattern.h"
#include "topic/pattern_constructor.h"
#include "topic/pattern_program.h"
#include "topic/url_parse.h"

#include "unit/guard.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static const struct slice NO_BASE = {NULL, 0};

static enum match
match(const struct pattern *p, const char *topic)
{
    struct arena arena;
    struct url url;
    struct slice key;
    uint64_t steps = 10000;
    arena_init(&arena, 1 << 24);
    ck_assert_msg(url_parse(&arena, slice_of(topic), NULL, &url), "%s", topic);
    enum match match = pattern_match(p, &url, &steps);
    ck_assert(pattern_key(&arena, &url, &key));
    if (match == MATCH_YES)
        ck_assert(slice_starts(key, pattern_literal_prefix(p)));
    arena_fini(&arena);
    return match;
}

/* --- programs --------------------------------------------------------------------------------- */

/* A small generator: the same numbers everywhere. */
static uint32_t
pick(uint32_t *seed, uint32_t below)
{
    *seed = *seed * 1664525 + 1013904223;
    return (*seed >> 8) % below;
}

static size_t
make(uint32_t *seed, const char *const *pieces, size_t count, char *out, size_t room)
{
    size_t len = 0;
    for (uint32_t n = pick(seed, 9); n > 0; n--) {
        const char *piece = pieces[pick(seed, (uint32_t)count)];
        if (len + strlen(piece) > room)
            break;
        memcpy(out + len, piece, strlen(piece));
        len += strlen(piece);
    }
    return len;
}

START_TEST(a_program_matches_what_its_regular_expression_matches)
{
    static const char *const pieces[] = {
        "a",      "b",    "/",    "ab",   ":x",   ":y",     ":z",      "*",      "?",
        "+",      "{",    "}",    "{a}?", "{b}*", "{/:p}*", "{/:q-}+", "{a*b}?", "{:r/}+",
        "{/ab}+", "/:s?", "/:t+", "/:u*", "(.*)", "{a:v}?", "*/a",
    };
    static const char *const letters[] = {"a", "b", "/", "ab", "-", "/ab", "a/", "//", "b-"};
    const struct pattern_options *options = pattern_component_options(PATTERN_PATHNAME);
    uint32_t seed = 1;
    size_t programs = 0, pairs = 0, yes = 0;
    for (int i = 0; i < 4000; i++) {
        char text[64];
        struct arena arena;
        struct buf program, source;
        struct pattern_parts parts;
        arena_init(&arena, 1 << 20);
        buf_init(&program, 65536);
        buf_init(&source, 65536);
        size_t len = make(&seed, pieces, COUNT_OF(pieces), text, sizeof text);
        if (pattern_parse(&arena, SLICE_OF(text, len), options, &parts, NULL)) {
            struct error err;
            pattern_program_write(&parts, '/', &program);
            pattern_parse_regexp(&parts, options, &source);
            struct regex *regex = regex_new(buf_slice(&source), &err);
            ck_assert_msg(regex != NULL, SLICE_FMT ": %s", SLICE_ARG(buf_slice(&source)), err.text);
            programs++;
            for (int j = 0; j < 12; j++) {
                char subject[64];
                uint64_t steps = 100000, more = 10000000;
                struct slice s = {subject,
                                  make(&seed, letters, COUNT_OF(letters), subject, sizeof subject)};
                enum match want = regex_match(regex, s, &more);
                enum match got = pattern_program_match(guard_copy(buf_slice(&program)), s, &steps);
                ck_assert_msg(want == got, SLICE_FMT " on " SLICE_FMT ": %d, not %d",
                              SLICE_ARG(buf_slice(&source)), SLICE_ARG(s), got, want);
                pairs++;
                yes += got == MATCH_YES;
            }
            regex_free(&regex);
        }
        buf_fini(&program);
        buf_fini(&source);
        arena_fini(&arena);
    }
    printf("programs: %zu, pairs: %zu, matches: %zu\n", programs, pairs, yes);
    ck_assert_uint_gt(programs, 1000);
    ck_assert_uint_gt(yes, 1000);
}
END_TEST

START_TEST(a_long_topic_needs_no_stack_and_few_steps)
{
    struct pattern *p = pattern_new(SLICE("https://e.com/*/x/:y+/z"), NO_BASE, NULL);
    ck_assert_ptr_ne(p, NULL);
    for (size_t len = 2000; len < 8000; len += 2000) {
        char *topic = malloc(len + 64);
        ck_assert_ptr_ne(topic, NULL);
        size_t n = (size_t)snprintf(topic, 64, "https://e.com/");
        while (n < len)
            n += (size_t)snprintf(topic + n, 16, "a/x/b/");
        snprintf(topic + n, 16, "z");
        ck_assert_int_eq(match(p, topic), MATCH_YES);
        topic[n] = 'y';
        ck_assert_int_eq(match(p, topic), MATCH_NO);
        free(topic);
    }
    pattern_free(&p);
}
END_TEST

START_TEST(a_program_ends_with_its_steps)
{
    struct buf text;
    char topic[4096];
    buf_init(&text, 8192);
    buf_add(&text, SLICE("https://e.com/*"));
    while (text.len < 4000)
        buf_add(&text, SLICE("{a}*{aa}?"));
    buf_add(&text, SLICE("b"));
    struct pattern *p = pattern_new(buf_slice(&text), NO_BASE, NULL);
    ck_assert_ptr_ne(p, NULL);
    memset(topic, 'a', sizeof topic);
    memcpy(topic, "https://e.com/", 14);
    topic[sizeof topic - 1] = 0;
    ck_assert_int_eq(match(p, topic), MATCH_LIMIT);
    pattern_free(&p);
    buf_fini(&text);
}
END_TEST

/* --- whole patterns --------------------------------------------------------------------------- */

START_TEST(a_prefix_is_what_every_match_begins_with)
{
    static const struct {
        const char *pattern, *prefix;
    } rows[] = {
        {"https://example.com/users/:id/*", "https://example.com:/users/"},
        {"https://example.com/a", "https://example.com:/a?"},
        {"https://example.com:8080/a?b#c", "https://example.com:8080/a?b#c"},
        {"https://example.com/a?b*#c", "https://example.com:/a?b"},
        {"https://u\\:p@example.com/a/*", "https://example.com:/a/"},
        {"https://EXAMPLE.com:443/%7e \xc3\xa9/:a?", "https://example.com:/%7e%20%C3%A9"},
        {"https://example.com/a{/b}?", "https://example.com:/a"},
        {"https://example.com/a/:b+", "https://example.com:/a/"},
        {"https://example.com/a/(\\d+)x", "https://example.com:/a/"},
        {"https://example.com*", "https://example.com"},
        {"https://*.example.com/a", "https://"},
        {"http{s}?://example.com/a", "http"},
        {"*://example.com/a", ""},
        {"?a=1", "https://example.com:/a/b?a=1#"},
        {"*", "https://example.com:/a/"},
        {"c/:d", "https://example.com:/a/c/"},
        {"urn\\:uuid\\::id", "urn://:uuid:"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct error err;
        struct slice base = rows[i].pattern[0] == 'u' ? NO_BASE : SLICE("https://example.com/a/b");
        struct pattern *p = pattern_new(slice_of(rows[i].pattern), base, &err);
        ck_assert_msg(p != NULL, "%s: %s", rows[i].pattern, err.text);
        struct slice prefix = pattern_literal_prefix(p);
        ck_assert_msg(slice_eq(prefix, slice_of(rows[i].prefix)), "%s: " SLICE_FMT, rows[i].pattern,
                      SLICE_ARG(prefix));
        ck_assert_uint_ge(pattern_size(p), prefix.len);
        pattern_free(&p);
    }
}
END_TEST

START_TEST(only_the_pattern_of_everything_matches_all)
{
    struct pattern *all = pattern_new(SLICE("*://*:*"), NO_BASE, NULL);
    struct pattern *some = pattern_new(SLICE("https://*:*/*"), NO_BASE, NULL);
    ck_assert(all && some);
    ck_assert_int_eq(match(all, "urn:x"), MATCH_YES);
    ck_assert_int_eq(match(some, "https://u:p@e.com:1/?q#h"), MATCH_YES);
    ck_assert_int_eq(match(some, "http://e.com/"), MATCH_NO);
    pattern_free(&all);
    pattern_free(&some);
}
END_TEST

/* The standard reads the path relative to the base's, unless it begins as if with a slash. */
START_TEST(an_opaque_path_is_reached_by_a_slash_that_need_not_be)
{
    const struct slice base = SLICE("https://example.com/.well-known/mercure");
    struct pattern *relative = pattern_new(SLICE("urn\\:isbn\\::n"), base, NULL);
    struct pattern *opaque = pattern_new(SLICE("urn\\:{/}?isbn\\::n"), base, NULL);
    ck_assert(relative && opaque);
    ck_assert_int_eq(match(relative, "urn:isbn:12"), MATCH_NO);
    ck_assert_int_eq(match(opaque, "urn:isbn:12"), MATCH_YES);
    ck_assert_int_eq(match(opaque, "urn:isbn:"), MATCH_NO);
    ck_assert(slice_eq(pattern_literal_prefix(opaque), SLICE("urn://:")));
    pattern_free(&relative);
    pattern_free(&opaque);
}
END_TEST

START_TEST(a_refusal_says_why)
{
    static const struct {
        const char *pattern, *base, *why;
    } rows[] = {
        {"/a", NULL, "base"},
        {"/a", "x", "base URL"},
        {"https://e.com/:a/:a", NULL, "twice"},
        {"https://e.com/{a", NULL, "`}`"},
        {"https://e.com/(a", NULL, "closed"},
        {"https://e.com/((a))", NULL, "capturing group"},
        {"https://e.com/(\xc3\xa9)", NULL, "ASCII"},
        {"https://e.com/{(?:a)}", NULL, "begin"},
        {"https://e.com/()", NULL, "empty"},
        {"https://e.com/(\\H)", NULL, "pathname's regular expression"},
        {"https://e.com/((?<=a+)b)", NULL, "translated"},
        {"https://e.com/a\\", NULL, "backslash"},
        {"https://e com/", NULL, "hostname"},
        {"https://e.com:99999/", NULL, "port"},
        {"h^p://e.com/", NULL, "protocol"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct error err = {""};
        struct slice base = rows[i].base ? slice_of(rows[i].base) : NO_BASE;
        struct pattern *p = pattern_new(guard_copy(slice_of(rows[i].pattern)), base, &err);
        ck_assert_msg(p == NULL, "%s is taken", rows[i].pattern);
        ck_assert_msg(strstr(err.text, rows[i].why) != NULL, "%s: %s", rows[i].pattern, err.text);
    }
}
END_TEST

START_TEST(every_prefix_of_a_pattern_is_read_within_its_memory)
{
    static const struct slice text = SLICE_INIT("http{s}?://:u:p@{*.}?ex\xc3\xa9mple.com:(80|8\\d)/"
                                                "a/:b(\\d+)?/{c:d-}*e\\?*?q=:v(a|[b-c])#(?!x)");
    for (size_t len = 0; len <= text.len; len++) {
        struct pattern *p =
            pattern_new(guard_copy(slice_head(text, len)), SLICE("https://e.com/a/b?c#d"), NULL);
        pattern_free(&p);
    }
}
END_TEST

static double
cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* `first`, `again` as often as there is room, `last`: 4,096 bytes. */
static void
repeat(struct buf *out, const char *first, const char *again, const char *last)
{
    buf_clear(out);
    buf_add(out, slice_of(first));
    while (out->len + strlen(again) + strlen(last) <= 4096)
        buf_add(out, slice_of(again));
    buf_add(out, slice_of(last));
}

/* A refusal or a pattern within a few milliseconds, of a size that its length bounds; here under a
 * sanitizer. */
START_TEST(a_hostile_pattern_is_judged_at_once)
{
    static const struct {
        const char *first, *again, *last;
    } rows[] = {
        {"https://e.com/", "(a)", ""},
        {"https://e.com/", "*/", ""},
        {"https://e.com/", ":a", ""},
        {"https://e.com/", "{/*a}*", ""},
        {"https://e.com/(", "(?:", "a)"},
        {"https://e.com/(", "[[", ")"},
        {"https://e.com/(", "a{65535}", ")"},
        {"https://e.com/(", "(?:ab){999}", ")"},
        {"https://e.com/(", "\\p{Lu}", ")"},
        {"https://e.com/((?:(?<n>a)", "|(?<n>a)", ")\\k<n>\\k<n>)"},
        {"https://e.com/((?<n>a)", "\\k<n>", ")"},
        {"https://e.com/([[\\q{aa", "|ab|cd|abc", "}]--[\\q{ab}]])"},
        {"https://e.com/(", "(?<=ab|c)", ")"},
        {"https://e.com/(", "[ab]*", ")"},
        {"https://e.com/{x(", "[a-c]?", ")}*"},
        {"https://e.com/((?:(?:(?:(?:", "a?", "){9}){9}){9}){9})"},
        {"https://", "\xc3\xa9.", "com/"},
        {"https://", "{\xc3\xa9}?", "com/"},
        {"(", "(?:a|b)*", ")://x"},
        {"", "((((", ":"},
        {"", "a:", ""},
        {"", "{", ""},
    };
    struct buf text;
    double worst = 0;
    buf_init(&text, 4096);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        repeat(&text, rows[i].first, rows[i].again, rows[i].last);
        double start = cpu_seconds();
        struct pattern *p = pattern_new(buf_slice(&text), NO_BASE, NULL);
        double took = cpu_seconds() - start;
        ck_assert_msg(took < 0.25, "%s%s…: %f s", rows[i].first, rows[i].again, took);
        worst = took > worst ? took : worst;
        if (p)
            ck_assert_uint_le(pattern_size(p), 16384 + 32 * text.len);
        pattern_free(&p);
    }
    printf("the worst of %zu hostile patterns took %.1f ms\n", COUNT_OF(rows), worst * 1e3);
    buf_fini(&text);
}
END_TEST

/* A limit met is no match, and is told. */
START_TEST(a_hostile_expression_meets_its_limit)
{
    struct pattern *p = pattern_new(SLICE("https://e.com/((?:a|a)+)"), NO_BASE, NULL);
    ck_assert_ptr_ne(p, NULL);
    ck_assert_int_eq(match(p, "https://e.com/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!"),
                     MATCH_LIMIT);
    ck_assert_int_eq(match(p, "https://e.com/aaa"), MATCH_YES);
    ck_assert_int_eq(match(p, "https://f.com/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!"), MATCH_NO);
    pattern_free(&p);
}
END_TEST

UNIT_MAIN("topic/pattern", a_program_matches_what_its_regular_expression_matches,
          a_long_topic_needs_no_stack_and_few_steps, a_program_ends_with_its_steps,
          a_prefix_is_what_every_match_begins_with, only_the_pattern_of_everything_matches_all,
          an_opaque_path_is_reached_by_a_slash_that_need_not_be, a_refusal_says_why,
          every_prefix_of_a_pattern_is_read_within_its_memory, a_hostile_pattern_is_judged_at_once,
          a_hostile_expression_meets_its_limit)
