/* Which topics are the hub's own, in every spelling. */

#include "hub/reserved.h"

#include "topic/url_parse.h"
#include "unit/guard.h"

#include <stdlib.h>

#define H "/.well-known/mercure"

static const struct {
    struct slice topic;
    bool in_0x, in_1_0;
} rows[] = {
    {SLICE_INIT("https://example.com/a"), false, false},
    {SLICE_INIT("a"), false, false},
    {SLICE_INIT("/a"), false, false},
    {SLICE_INIT("*"), false, false},
    {SLICE_INIT(""), false, true},
    {SLICE_INIT("#general"), false, true},
    {SLICE_INIT("?q"), false, true},
    {SLICE_INIT(" "), false, true},
    {SLICE_INIT("mercure"), false, true},
    {SLICE_INIT("./mercure"), false, true},
    {SLICE_INIT("mercure/x"), true, true},
    {SLICE_INIT("m%65rcure/x"), true, true},
    {SLICE_INIT("m%65rcure"), false, true},
    {SLICE_INIT("mercuree"), false, false},
    {SLICE_INIT("../.well-known/./mercur%65/subscriptions"), true, true},
    {SLICE_INIT("..\\.well-known\\mercure\\x"), true, true},
    {SLICE_INIT("mer\tcure/x"), true, true},
    {SLICE_INIT("MERCURE/x"), false, false},
    {SLICE_INIT(H), true, true},
    {SLICE_INIT(H "/"), true, true},
    {SLICE_INIT(H "/subscriptions/a/b"), true, true},
    {SLICE_INIT(H "?x"), true, true},
    {SLICE_INIT(H "ial"), true, false}, /* 0.x: wherever the text is */
    {SLICE_INIT("https://other.example" H "/x"), true, true},
    {SLICE_INIT("https://other.example" H), true, true},
    {SLICE_INIT("https://other.example/x" H), true, false},
    {SLICE_INIT("https://other.example/?" H), true, false},
    {SLICE_INIT("https://other.example/.well-known/m%65rcure"), false, true},
    {SLICE_INIT("https://other.example/.well-known/m%65rcure/x"), true, true},
    {SLICE_INIT("https://other.example/%2Ewell-known/mercure/x"), true, true},
    {SLICE_INIT("https://other.example/.well-known%2Fmercure/x"), false, false},
    {SLICE_INIT("https://other.example/x/../.well-known/mercure%2Fx"), true, false},
    {SLICE_INIT("//other.example/.well-known/%6Dercure/x"), true, true},
    {SLICE_INIT("https:mercure/x"), true, true}, /* relative: the hub's own scheme */
    {SLICE_INIT("http:mercure/x"), false, false},
    {SLICE_INIT("urn:uuid:x"), false, false},
    {SLICE_INIT("urn:" H), true, true},
    {SLICE_INIT("web+x:/.well-known/m%65rcure/x"), true, true},
    {SLICE_INIT("https://[bad/.well-known/m%65rcure/x"), false, false}, /* no URL */
    {SLICE_INIT("https://h/\xFF"), false, false},
};

START_TEST(every_row_is_reserved_as_it_says)
{
    struct arena arena;
    struct url hub;
    arena_init(&arena, 65536);
    ck_assert(url_parse(&arena, SLICE("https://hub.example" H), NULL, &hub));
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct slice topic = guard_copy(rows[i].topic);
        ck_assert_msg(reserved_holds(&hub, DIALECT_0X, topic) == rows[i].in_0x, "0.x: " SLICE_FMT,
                      SLICE_ARG(topic));
        ck_assert_msg(reserved_holds(&hub, DIALECT_1_0, topic) == rows[i].in_1_0, "1.0: " SLICE_FMT,
                      SLICE_ARG(topic));
        ck_assert_msg(reserved_is_possible(SLICE(H), topic) || !(rows[i].in_0x || rows[i].in_1_0),
                      "not possible: " SLICE_FMT, SLICE_ARG(topic));
    }
    arena_fini(&arena);
}
END_TEST

START_TEST(where_hubs_are_is_reserved_in_0x_whatever_the_path)
{
    static const struct slice topics[] = {
        SLICE_INIT(H "/subscriptions/a/b"),
        SLICE_INIT("https://example.com" H "/subscriptions/a/b"),
        SLICE_INIT("https://example.com/x?" H),
        SLICE_INIT("https://example.com/hub/subscriptions/a/b"),
    };
    struct arena arena;
    struct url hub;
    arena_init(&arena, 65536);
    ck_assert(url_parse(&arena, SLICE("https://hub.example/hub"), NULL, &hub));
    for (size_t i = 0; i < COUNT_OF(topics); i++) {
        ck_assert_msg(reserved_holds(&hub, DIALECT_0X, topics[i]), "row %zu", i);
        ck_assert_msg(reserved_is_possible(SLICE("/hub"), topics[i]), "row %zu", i);
    }
    ck_assert(!reserved_holds(&hub, DIALECT_1_0, topics[1]));
    arena_fini(&arena);
}
END_TEST

START_TEST(plain_topics_elsewhere_are_told_without_parsing)
{
    ck_assert(!reserved_is_possible(SLICE(H), SLICE("https://example.com/users/1")));
    ck_assert(!reserved_is_possible(SLICE(H), SLICE("urn+x://a/mercure")));
    ck_assert(reserved_is_possible(SLICE(H), SLICE("https://example.com/users/%31")));
    ck_assert(reserved_is_possible(SLICE(H), SLICE("https://example.com/\tx")));
    ck_assert(!reserved_is_possible(SLICE(H), SLICE("users/1")));
    ck_assert(!reserved_is_possible(SLICE(H), SLICE("/users/1")));
    ck_assert(!reserved_is_possible(SLICE(H), SLICE("private-orders.1")));
    ck_assert(reserved_is_possible(SLICE(H), SLICE("mercure/x")));
    ck_assert(reserved_is_possible(SLICE(H), SLICE("./users")));
    ck_assert(reserved_is_possible(SLICE(H), SLICE("users/..")));
    ck_assert(reserved_is_possible(SLICE("/a/../b"), SLICE("users")));
    ck_assert(reserved_is_possible(SLICE("/hub/"), SLICE("users")));
    ck_assert(reserved_is_possible(SLICE(H), SLICE("https:users/1")));
    ck_assert(reserved_is_possible(SLICE("/"), SLICE("https://example.com/x")));
    ck_assert(reserved_is_possible(SLICE("/h%7E"), SLICE("https://example.com/x")));
    ck_assert(!reserved_is_possible(SLICE("/hub"), SLICE("https://example.com/x")));
}
END_TEST

/* Whatever mutation of a reserved topic the parser takes for reserved, the quick test lets pass. */
START_TEST(the_quick_test_never_hides_a_reserved_topic)
{
    static const char pieces[][20] = {
        "https:",        "http:",   "//",        "/",  "\\", "h", "..", ".", "%2e", ".well-known",
        "%2Ewell-known", "mercure", "m%65rcure", "\t", "?",  "#", ":",  "@", "x"};
    struct arena arena;
    struct url hub;
    size_t reserved = 0;
    arena_init(&arena, 65536);
    ck_assert(url_parse(&arena, SLICE("https://hub.example" H), NULL, &hub));
    srand(1);
    for (int round = 0; round < 100000; round++) {
        char text[200];
        size_t len = 0;
        for (int n = rand() % 10; n >= 0; n--) {
            struct slice piece = slice_of(pieces[(size_t)rand() % COUNT_OF(pieces)]);
            memcpy(text + len, piece.ptr, piece.len);
            len += piece.len;
        }
        struct slice topic = SLICE_OF(text, len);
        bool holds = reserved_holds(&hub, round % 2 ? DIALECT_1_0 : DIALECT_0X, topic);
        reserved += holds;
        ck_assert_msg(!holds || reserved_is_possible(SLICE(H), topic), SLICE_FMT, SLICE_ARG(topic));
    }
    ck_assert_uint_gt(reserved, 1000);
    arena_fini(&arena);
}
END_TEST

START_TEST(the_longest_topic_is_judged_too)
{
    struct arena arena;
    struct url hub;
    size_t len = 1 << 20;
    char *text = malloc(len);
    ck_assert_ptr_ne(text, NULL);
    memset(text, 'a', len);
    arena_init(&arena, 65536);
    ck_assert(url_parse(&arena, SLICE("https://hub.example" H), NULL, &hub));
    ck_assert(!reserved_holds(&hub, DIALECT_1_0, SLICE_OF(text, len)));
    memcpy(text, "m%65rcure/", 10);
    ck_assert(reserved_holds(&hub, DIALECT_1_0, SLICE_OF(text, len)));
    arena_fini(&arena);
    free(text);
}
END_TEST

UNIT_MAIN("hub/reserved", every_row_is_reserved_as_it_says,
          where_hubs_are_is_reserved_in_0x_whatever_the_path,
          plain_topics_elsewhere_are_told_without_parsing,
          the_quick_test_never_hides_a_reserved_topic, the_longest_topic_is_judged_too)
