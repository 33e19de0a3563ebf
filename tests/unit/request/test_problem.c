/* Who gets problem details, and what is in them. */

#include "request/problem.h"

#include "unit/guard.h"

static bool
accepted(struct slice value)
{
    struct header headers[] = {{SLICE("Host"), SLICE("a")}, {SLICE("accept"), value}};
    struct request r = {.headers = headers, .header_count = 2};
    return problem_is_accepted(&r);
}

START_TEST(only_who_accepts_them_gets_problem_details)
{
    struct request none = {0};
    ck_assert(!problem_is_accepted(&none));
    ck_assert(accepted(SLICE("*/*")));
    ck_assert(accepted(SLICE("text/html, Application/Problem+JSON;q=0.1")));
    ck_assert(accepted(SLICE("application/json")));
    ck_assert(accepted(SLICE("application/*; q=1")));
    ck_assert(!accepted(SLICE("text/event-stream")));
    ck_assert(!accepted(SLICE("text/html,application/xhtml+xml")));
    ck_assert(!accepted(SLICE("application/problem+json;q=0")));
    ck_assert(!accepted(SLICE("*/*;q=0.000")));
    ck_assert(!accepted(SLICE("")));
}
END_TEST

START_TEST(the_document_says_what_the_sentence_says)
{
    struct arena arena;
    arena_init(&arena, 65536);
    struct slice text =
        problem_document(&arena, 400, guard_copy(SLICE("A \"quote\" is\\not closed.\n")));
    struct slice want = SLICE("{\"type\":\"about:blank\",\"title\":\"Bad Request\",\"status\":400,"
                              "\"detail\":\"A \\\"quote\\\" is\\\\not closed.\"}");
    ck_assert_msg(slice_eq(text, want), SLICE_FMT, SLICE_ARG(text));
    arena_fini(&arena);
}
END_TEST

START_TEST(a_document_is_utf8_wherever_the_sentence_is_cut)
{
    char sentence[1000];
    for (size_t before = 0; before < 4; before++) {
        struct arena arena;
        memset(sentence, 'x', before);
        for (size_t i = 0; i < 240; i++)
            memcpy(sentence + before + 4 * i, "\xF0\x9F\x90\x8E", 4);
        arena_init(&arena, 65536);
        struct slice text = problem_document(&arena, 400, SLICE_OF(sentence, before + 960));
        ck_assert_uint_gt(text.len, 600);
        ck_assert(slice_is_utf8(text));
        arena_fini(&arena);
    }
}
END_TEST

UNIT_MAIN("request/problem", only_who_accepts_them_gets_problem_details,
          the_document_says_what_the_sentence_says, a_document_is_utf8_wherever_the_sentence_is_cut)
