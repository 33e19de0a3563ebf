/* Regular expressions: what ECMAScript with the flag `v` takes and refuses, and what it matches.
 * The browser is asked the same and more in tests/system/test_urlpattern.py. */

#include "topic/regex.h"

#include "base/buf.h"
#include "unit/guard.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

enum {
    STEPS = 10000
};

static bool
matches(const char *text, struct slice subject, enum match want)
{
    struct error err;
    uint64_t steps = STEPS;
    struct regex *regex = regex_new(guard_copy(slice_of(text)), &err);
    ck_assert_msg(regex != NULL, "%s: %s", text, err.text);
    enum match match = regex_match(regex, guard_copy(subject), &steps);
    regex_free(&regex);
    return match == want;
}

START_TEST(what_is_valid_matches_as_it_should)
{
    static const struct {
        const char *text, *yes, *no;
    } rows[] = {
        {"^a$", "a", "a\n"},
        {"^.$", "\t", "\n"},
        {"^(?s:.)$", "\n", "ab"},
        {"^[^]$", "\n", ""},
        {"^\\d\\D\\s\\S\\w\\W$", "1a ba-", "1a ba_"},
        {"^\\cA\\x41\\u0042\\u{43}\\0?$", "\1ABC", "ABC"},
        {"^\\/\\.\\|\\^$", "/.|^", "/a|^"},
        {"^a{2,3}?b{0}c{1,}$", "aacc", "abc"},
        {"^(?:a|)(?=b)(?!bc)b.$", "abd", "abc"},
        {"^ab(?<=ab|c)(?<!aa)$", "ab", "aa"},
        {"\\bfoo\\B", "a food", "a foo"},
        {"^(a)(?<n>b)\\1\\k<n>$", "abab", "abba"},
        {"^(?<\\u0061>x)\\k<a>$", "xx", "x"},
        {"^(?:(?<y>a)|(?<y>b))\\k<y>$", "bb", "ab"},
        {"^\\1(a)$", "a", "aa"},
        {"^(?:(a)|b)\\1$", "b", "ab"},
        {"^(a\\1)$", "a", "aa"},
        {"^(?:(a)\\1)+$", "aaaa", "aaa"},
        {"^(?:(a+),)+\\1$", "a,aa,aa", "a,aa,a"},
        {"^(?:\\1(a))+$", "aaa", "b"},
        {"^[a-c\\-\\]x]+$", "b-]", "d"},
        {"^[[a-z]--[aeiou]]+$", "bcd", "abc"},
        {"^[[a-f]&&[d-k]&&\\w]+$", "def", "abc"},
        {"^[\\q{abc|d|}x]$", "abc", "ab"},
        {"^[\\q{abc|d|}x]$", "", "abcx"},
        {"^[\\q{abc|de}--\\q{de}]$", "abc", "de"},
        {"^[\\w--_]+$", "a1", "a_"},
        {"^[^\\p{L}\\d]+$", "-.", "-a"},
        {"^\\p{Lu}\\P{Lu}\\p{Script=Latin}\\p{scx=Latn}\\p{gc=Nd}$", "Abcd1", "abcd1"},
        {"^\\p{ASCII}\\p{Any}\\p{ASCII_Hex_Digit}$", "~~f", "~~g"},
        {"^[\\p{RGI_Emoji}a]$", "a", "b"},
        {"^(?i:aB[c-e]\\u{212a}\\u{17f})f$", "AbDkSf", "AbDkSF"},
        {"^(?i:\\P{Lu})$", "1", "a"},
        {"^(?i:[^k])(?-i:k)$", "ak", "Kk"},
        {"^(?i:(a)\\1)$", "aA", "ab"},
        {"^(?i:[\\q{kk}])$", "Kk", "k"},
        {"^(?:\\u{1f600}|\\ud83d\\ude00|\\ud800)?a$", "a", "b"},
        {"^[\\u{80}-\\u{10ffff}]*$", "", "a"},
        {"^(?:a*)*b$", "aab", "aa"},
        {"^\\$&[&]~[~!]$", "$&&~!", "$&&~a"},
        {"^(?m:^a$)$", "a", "b"},
        {"", "", NULL},
        {"a||b", "x", NULL},
        {"^(?:)*$", "", "a"},
        {"^[[[]]]?$", "", "["},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        ck_assert_msg(matches(rows[i].text, slice_of(rows[i].yes), MATCH_YES), "%s on `%s`",
                      rows[i].text, rows[i].yes);
        if (rows[i].no)
            ck_assert_msg(matches(rows[i].text, slice_of(rows[i].no), MATCH_NO), "%s on `%s`",
                          rows[i].text, rows[i].no);
    }
}
END_TEST

START_TEST(what_ecmascript_refuses_is_refused)
{
    static const char *const rows[] = {
        "(",
        ")",
        "a)",
        "(?",
        "(?a)",
        "(?<a",
        "(?<>a)",
        "(?<1>a)",
        "(?<a>b)(?<a>c)",
        "[",
        "]",
        "}",
        "{",
        "a{",
        "a{1",
        "a{,1}",
        "a{2,1}",
        "*",
        "+a",
        "a**",
        "a+*",
        "a{1}{2}",
        "^*",
        "(?=a)*",
        "(?<=a)+",
        "\\b?",
        "\\",
        "\\a",
        "\\-",
        "\\8",
        "\\1",
        "(a)\\2",
        "\\00",
        "\\01",
        "\\c",
        "\\c1",
        "\\x1",
        "\\u12",
        "\\u{}",
        "\\u{110000}",
        "\\u{1",
        "\\k",
        "\\k<a>",
        "(?<a>b)\\k<c>",
        "\\k<a",
        "\\p",
        "\\p{}",
        "\\p{L",
        "\\p{l}",
        "\\p{Latin}",
        "\\p{Script=}",
        "\\p{L=}",
        "\\p{gc=Latin}",
        "\\p{ L}",
        "\\p{Block=x}",
        "\\P{RGI_Emoji}",
        "[^\\p{RGI_Emoji}]",
        "[^\\q{ab}]",
        "[^\\q{}]",
        "[^[\\q{ab}--a]]",
        "[a-]",
        "[-a]",
        "[b-a]",
        "[a-\\d]",
        "[a--b-c]",
        "[a-c--b]",
        "[a&&b--c]",
        "[a&&&b]",
        "[a&&]",
        "[&&]",
        "[ab&&c]",
        "[a~~b]",
        "[!!]",
        "[(]",
        "[)]",
        "[{]",
        "[}]",
        "[/]",
        "[|]",
        "[\\q]",
        "[\\q{a]",
        "[\\a]",
        "[\\B]",
        "[\\1]",
        "[a[b]",
        "(?i",
        "(?i)",
        "(?ii:a)",
        "(?i-i:a)",
        "(?-:a)",
        "(?x:a)",
        "(?--i:a)",
        "(?R)",
        "(?>a)",
        "(?#a)",
        "(?1)",
        "\\H",
        "\\G",
        "\\A",
        "\\z",
        "\\Q",
        "(*ACCEPT)",
        "a{99999999999,1}",
        "\\u{0000000110000}",
        "\xc3\xa9",
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct error err = {""};
        struct regex *regex = regex_new(guard_copy(slice_of(rows[i])), &err);
        ck_assert_msg(regex == NULL, "%s is taken", rows[i]);
        ck_assert_msg(err.text[0] && !strstr(err.text, "translated"), "%s: %s", rows[i], err.text);
    }
}
END_TEST

START_TEST(what_pcre2_cannot_do_is_said)
{
    static const char *const rows[] = {
        "(?<=a+)b", "(?:(a)|b)*\\1",   "(?:(a?))*\\1",    "(?<=\\1(a))",
        "a{65536}", "(?:a{999}){999}", "(?:(?=(a)))?\\1", "(?:(?:(?:(?:ab){9}){9}){9}){3}",
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct error err = {""};
        struct regex *regex = regex_new(slice_of(rows[i]), &err);
        ck_assert_msg(regex == NULL, "%s is taken", rows[i]);
        ck_assert_msg(strstr(err.text, "translated") != NULL, "%s: %s", rows[i], err.text);
    }
}
END_TEST

START_TEST(groups_and_classes_nest_only_so_deep)
{
    static const char *const opens[] = {"(?:", "(", "(?=", "(?i:", "[", "[^", "[a&&[", "(?<!"};
    for (size_t i = 0; i < COUNT_OF(opens); i++) {
        struct error err;
        struct buf text;
        buf_init(&text, 65536);
        while (text.len < 60000)
            buf_add(&text, slice_of(opens[i]));
        struct regex *regex = regex_new(buf_slice(&text), &err);
        ck_assert_msg(regex == NULL && strstr(err.text, "nested too deeply"), "%s", err.text);
        buf_fini(&text);
    }
}
END_TEST

START_TEST(a_match_ends_with_its_steps)
{
    static const char *const rows[] = {"(?:a|a)+$", "^(?:a|aa)+$", "^(?:.*?a){20}$",
                                       "^(?:a*a*)*b?$"};
    char subject[2001];
    memset(subject, 'a', 2000);
    subject[2000] = '!';
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        ck_assert_msg(matches(rows[i], SLICE_OF(subject, 2001), MATCH_LIMIT), "%s", rows[i]);
}
END_TEST

/* What takes PCRE2 two to the power of the length is written so that it does not. */
START_TEST(repetitions_of_repetitions_are_one)
{
    static const char *const rows[] = {
        "^(a+)+$", "^(?:a*)*$", "^(?:(?:a?)*)+$", "^((?:(a{1,})){0,}){2,}$", "^(?:[^]+?)*$",
    };
    char subject[2001];
    memset(subject, 'a', 2000);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        subject[2000] = 'a';
        ck_assert_msg(matches(rows[i], SLICE_OF(subject, 2001), MATCH_YES), "%s", rows[i]);
        subject[2000] = '!';
        enum match want = strchr(rows[i], ']') ? MATCH_YES : MATCH_NO;
        ck_assert_msg(matches(rows[i], SLICE_OF(subject, 2001), want), "%s", rows[i]);
    }
    ck_assert(matches("^(?:a+){2,3}$", SLICE("a"), MATCH_NO));
    ck_assert(matches("^(?:a+){2,3}$", SLICE("aaaaa"), MATCH_YES));
    ck_assert(matches("^(?:a?){2,3}$", SLICE("aaaa"), MATCH_NO));
    ck_assert(matches("^(?:a?){2,3}$", SLICE("a"), MATCH_YES));
    ck_assert(matches("^(?:a*){0}$", SLICE("a"), MATCH_NO));
    ck_assert(matches("^(?:a{2,})*$", SLICE("a"), MATCH_NO));
    ck_assert(matches("^(?:a{0,2})*$", SLICE("aaa"), MATCH_YES));
}
END_TEST

/* Each thread has its own room to match in, and gives it back when it ends. */
static void *
match_often(void *regex)
{
    for (int i = 0; i < 1000; i++) {
        uint64_t steps = STEPS;
        ck_assert_int_eq(regex_match(regex, SLICE("ab-ab"), &steps), MATCH_YES);
    }
    return NULL;
}

START_TEST(any_thread_may_match)
{
    pthread_t threads[4];
    struct regex *regex = regex_new(SLICE("^(a|b)(\\w)-\\1\\2$"), NULL);
    ck_assert_ptr_ne(regex, NULL);
    ck_assert_uint_gt(regex_size(regex), 0);
    for (size_t i = 0; i < COUNT_OF(threads); i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, match_often, regex), 0);
    for (size_t i = 0; i < COUNT_OF(threads); i++)
        pthread_join(threads[i], NULL);
    regex_free(&regex);
    regex_free(&regex);
}
END_TEST

UNIT_MAIN("topic/regex", what_is_valid_matches_as_it_should, what_ecmascript_refuses_is_refused,
          what_pcre2_cannot_do_is_said, groups_and_classes_nest_only_so_deep,
          a_match_ends_with_its_steps, repetitions_of_repetitions_are_one, any_thread_may_match)
