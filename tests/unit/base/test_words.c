/* A peer's strings as one value of a log line. */

#include "base/words.h"

#include "base/log.h"
#include "unit/guard.h"

#include <string.h>

START_TEST(strings_are_joined_by_blanks)
{
    struct words w = {.len = 0};
    words_add(&w, "", guard_copy(SLICE("a")));
    words_add(&w, "exact:", guard_copy(SLICE("b c")));
    words_add(&w, "", guard_copy(SLICE("")));
    ck_assert(slice_eq(words_slice(&w), SLICE("a exact:b c ")));
}
END_TEST

START_TEST(what_is_too_long_is_cut_and_the_log_says_so)
{
    char text[1000], line[200];
    memset(text, 'x', sizeof text);
    for (size_t first = 0; first <= sizeof text; first += 50) {
        struct words w = {.len = 0};
        words_add(&w, "", guard_copy(SLICE_OF(text, first)));
        for (int i = 0; i < 5; i++)
            words_add(&w, "prefix:", guard_copy(SLICE_OF(text, sizeof text)));
        ck_assert_uint_eq(w.len, sizeof w.text);
        log_slice(line, sizeof line, words_slice(&w));
        ck_assert_uint_lt(strlen(line), sizeof line);
        ck_assert(slice_ends(slice_of(line), SLICE("...\"")));
    }
}
END_TEST

UNIT_MAIN("base/words", strings_are_joined_by_blanks, what_is_too_long_is_cut_and_the_log_says_so)
