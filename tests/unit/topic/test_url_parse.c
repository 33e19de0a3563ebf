/* The URL parser beyond the standard's own tests: the edge of memory, ill-formed UTF-8, the bound
 * of the arena. */

#include "topic/url_parse.h"

#include "unit/guard.h"
#include "url_text.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static const struct slice samples[] = {
    SLICE_INIT("https://user:pa%20ss@Example.COM:8443/a/./b/../c%2e/%2E%2e/d?q='x'&y#fr`ag"),
    SLICE_INIT("  http://[1:2::3:0.127.255.1]:80\\x\t\n/y?z "),
    SLICE_INIT("file:///C|/windows/../../x/.."),
    SLICE_INIT("file:c:\\dir\\..\\..\\y"),
    SLICE_INIT("mailto:someone@example.org  ?subject=#f"),
    SLICE_INIT("web+x://h%6Fst/..//p"),
    SLICE_INIT("web+x:/.//p/../q"),
    SLICE_INIT("//0x7f.1:0443/\xE2\x98\x83?\xE2\x98\x83#\xE2\x98\x83"),
    SLICE_INIT("https://\xE2\x98\x83.b\xC3\xBC"
               "cher.de./"),
    SLICE_INIT("../%7Eme;v=1?x#y"),
    SLICE_INIT("#only"),
    SLICE_INIT("?only"),
    SLICE_INIT("https://ill\xFF/\xC3(\xED\xA0\x80\xF0\x9F"),
};

static const struct slice bases[] = {
    SLICE_INIT("https://example.org:8080/a/b?c#d"),
    SLICE_INIT("file:///C:/x/y"),
    SLICE_INIT("web+x:/a/b"),
    SLICE_INIT("urn:opaque"),
};

/* Whatever parses is written and read again to the same. */
static void
check(struct slice input, const struct url *base)
{
    struct arena arena;
    struct url url, again;
    struct slice href, href_again;
    arena_init(&arena, 1 << 20);
    if (url_parse(&arena, guard_copy(input), base, &url)) {
        ck_assert(url_serialise(&arena, &url, &href));
        ck_assert_msg(url_parse(&arena, guard_copy(href), NULL, &again), SLICE_FMT,
                      SLICE_ARG(href));
        ck_assert(url_serialise(&arena, &again, &href_again));
        ck_assert_msg(slice_eq(href, href_again), SLICE_FMT " became " SLICE_FMT, SLICE_ARG(href),
                      SLICE_ARG(href_again));
    }
    arena_fini(&arena);
}

START_TEST(every_prefix_of_a_url_is_read_within_its_memory)
{
    for (size_t b = 0; b <= COUNT_OF(bases); b++) {
        struct arena arena;
        struct url base;
        arena_init(&arena, 65536);
        if (b < COUNT_OF(bases))
            ck_assert(url_parse(&arena, bases[b], NULL, &base));
        for (size_t i = 0; i < COUNT_OF(samples); i++)
            for (size_t len = 0; len <= samples[i].len; len++)
                check(slice_head(samples[i], len), b < COUNT_OF(bases) ? &base : NULL);
        arena_fini(&arena);
    }
}
END_TEST

START_TEST(every_byte_in_every_place_is_read_within_its_memory)
{
    static const struct slice frame = SLICE_INIT("ws://u:p@h.x:1/p/q?r#s");
    char text[32];
    for (size_t at = 0; at < frame.len; at++)
        for (unsigned c = 0; c < 256; c++) {
            memcpy(text, frame.ptr, frame.len);
            text[at] = (char)c;
            check(SLICE_OF(text, frame.len), NULL);
        }
}
END_TEST

/* Neither the input nor the base needs to live on. */
START_TEST(a_url_lives_in_its_arena_alone)
{
    struct arena base_arena, arena;
    struct url base, url;
    struct slice href;
    char *input = strdup("x?y#z");
    ck_assert_ptr_ne(input, NULL);
    arena_init(&base_arena, 65536);
    arena_init(&arena, 65536);
    ck_assert(url_parse(&base_arena, SLICE("web+x://u:p@h:5/a/b"), NULL, &base));
    ck_assert(url_parse(&arena, slice_of(input), &base, &url));
    arena_fini(&base_arena);
    memset(input, '!', 5);
    free(input);
    ck_assert(url_serialise(&arena, &url, &href));
    ck_assert(slice_eq(href, SLICE("web+x://u:p@h:5/a/x?y#z")));
    arena_fini(&arena);
}
END_TEST

START_TEST(ill_formed_utf8_counts_as_the_replacement_character)
{
    static const struct {
        struct slice in, path;
    } rows[] = {
        {SLICE_INIT("a:/\xFF"), SLICE_INIT("/%EF%BF%BD")},
        {SLICE_INIT("a:/\xC3"), SLICE_INIT("/%EF%BF%BD")},
        {SLICE_INIT("a:/\xC3(\xC0\x80"), SLICE_INIT("/%EF%BF%BD(%EF%BF%BD%EF%BF%BD")},
        {SLICE_INIT("a:/\xF0\x9F\x98x"), SLICE_INIT("/%EF%BF%BDx")},
        {SLICE_INIT("a:/\xED\xA0\x80"), SLICE_INIT("/%EF%BF%BD%EF%BF%BD%EF%BF%BD")},
        {SLICE_INIT("a:/\xF4\x90\x80\x80"), SLICE_INIT("/%EF%BF%BD%EF%BF%BD%EF%BF%BD%EF%BF%BD")},
        {SLICE_INIT("a:/\xF0\x9F\x98\x80"), SLICE_INIT("/%F0%9F%98%80")},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct arena arena;
        struct url url;
        arena_init(&arena, 65536);
        ck_assert(url_parse(&arena, guard_copy(rows[i].in), NULL, &url));
        ck_assert_msg(slice_eq(url.path, rows[i].path), "row %zu: " SLICE_FMT, i,
                      SLICE_ARG(url.path));
        arena_fini(&arena);
    }
}
END_TEST

START_TEST(an_arena_that_is_full_is_told)
{
    for (size_t i = 0; i < COUNT_OF(samples); i++) {
        bool parsed = false;
        struct url base, url;
        struct arena base_arena;
        arena_init(&base_arena, 65536);
        ck_assert(url_parse(&base_arena, bases[0], NULL, &base));
        for (size_t max = 0; max <= 1200; max += 16) {
            struct arena arena;
            arena_init(&arena, max);
            bool now = url_parse(&arena, samples[i], &base, &url);
            ck_assert_msg(now || !parsed, "sample %zu fails with %zu but not with less", i, max);
            parsed = now;
            arena_fini(&arena);
        }
        arena_fini(&base_arena);
    }
}
END_TEST

/* A quarter of a megabyte of what costs most in each state: quadratic time would not end. */
START_TEST(a_long_input_takes_linear_time)
{
    static const char *const units[] = {"../",          "a/",   "@", ":", "[", "%2e%2e/", "1.",
                                        "\xE2\x98\x83", "\xFF", "?", "#", " ", "\\",      "x"};
    static const char *const heads[] = {"https://", "https://h/", "file:///c:/",
                                        "a:",       "a://",       "a:/"};
    enum {
        SIZE = 1 << 18
    };
    char *text = malloc(SIZE);
    ck_assert_ptr_ne(text, NULL);
    for (size_t h = 0; h < COUNT_OF(heads); h++)
        for (size_t u = 0; u < COUNT_OF(units); u++) {
            struct arena arena;
            struct url url;
            struct slice head = slice_of(heads[h]), unit = slice_of(units[u]);
            size_t len = head.len;
            memcpy(text, head.ptr, head.len);
            for (; len + unit.len <= SIZE; len += unit.len)
                memcpy(text + len, unit.ptr, unit.len);
            arena_init(&arena, 16 * SIZE);
            bool parsed = url_parse(&arena, SLICE_OF(text, len), NULL, &url);
            ck_assert_uint_le(arena.used, 13 * (size_t)SIZE);
            (void)parsed;
            arena_fini(&arena);
        }
    free(text);
}
END_TEST

static void *
parse_idn(void *unused)
{
    (void)unused;
    for (int i = 0; i < 200; i++) {
        struct arena arena;
        struct url url;
        arena_init(&arena, 65536);
        bool ok = url_parse(&arena,
                            SLICE("https://b\xC3\xBC"
                                  "cher.example/"),
                            NULL, &url) &&
                  slice_eq(url.host, SLICE("xn--bcher-kva.example"));
        arena_fini(&arena);
        if (!ok)
            return (void *)"wrong";
    }
    return NULL;
}

START_TEST(several_threads_may_meet_the_first_domain_that_is_not_ascii)
{
    pthread_t threads[4];
    for (size_t i = 0; i < COUNT_OF(threads); i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, parse_idn, NULL), 0);
    for (size_t i = 0; i < COUNT_OF(threads); i++) {
        void *fault;
        ck_assert_int_eq(pthread_join(threads[i], &fault), 0);
        ck_assert_ptr_eq(fault, NULL);
    }
}
END_TEST

/* Punycode takes time in the square of a label's length: there is a bound. */
START_TEST(a_long_domain_that_is_not_ascii_is_refused)
{
    struct arena arena;
    struct url url;
    char text[2000] = "https://";
    size_t len = 8;
    for (; len < 8 + 1022; len += 2)
        memcpy(text + len, "\xC3\xBC", 2);
    arena_init(&arena, 65536);
    ck_assert(url_parse(&arena, SLICE_OF(text, len), NULL, &url));
    memcpy(text + len, "\xC3\xBC\xC3\xBC", 4);
    ck_assert(!url_parse(&arena, SLICE_OF(text, len + 4), NULL, &url));
    arena_fini(&arena);
}
END_TEST

UNIT_MAIN("topic/url_parse", every_prefix_of_a_url_is_read_within_its_memory,
          every_byte_in_every_place_is_read_within_its_memory, a_url_lives_in_its_arena_alone,
          ill_formed_utf8_counts_as_the_replacement_character, an_arena_that_is_full_is_told,
          a_long_input_takes_linear_time,
          several_threads_may_meet_the_first_domain_that_is_not_ascii,
          a_long_domain_that_is_not_ascii_is_refused)
