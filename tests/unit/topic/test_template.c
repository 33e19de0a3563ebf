/* URI Templates: the vectors, the RFC's own examples, and a slow second opinion. */

#include "slow_template.h"
#include "topic/matcher.h"
#include "topic/template.h"

#include <check.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DATA "tests/data/uritemplate/"

static json_t *
load(const char *path)
{
    json_error_t why;
    json_t *root = json_load_file(path, 0, &why);
    ck_assert_msg(root != NULL, "%s: %s", path, why.text);
    return root;
}

static struct slice
text(const json_t *string)
{
    ck_assert(json_is_string(string));
    return SLICE_OF(json_string_value(string), json_string_length(string));
}

static enum match
try(const struct template *t, struct slice topic)
{
    uint64_t steps = 10000;
    return template_match(t, topic, &steps);
}

START_TEST(every_vector_matches_as_expected)
{
    json_t *root = load(DATA "match.json"), *row;
    size_t i, passed = 0;
    json_array_foreach(root, i, row)
    {
        struct slice source = text(json_object_get(row, "template"));
        struct slice topic = text(json_object_get(row, "topic"));
        const json_t *expected = json_object_get(row, "expected");
        struct template *t = template_new(source, NULL);
        if (json_is_null(expected))
            ck_assert_msg(t == NULL, "%s is invalid", source.ptr);
        else
            ck_assert_msg(t && try(t, topic) == (json_is_true(expected) ? MATCH_YES : MATCH_NO),
                          "%s and %s", source.ptr, topic.ptr);
        if (t && try(t, topic) == MATCH_YES)
            ck_assert(slice_starts(topic, template_prefix(t)));
        template_free(&t);
        struct matcher *m = matcher_new(MATCHER_TEMPLATE, source, SLICE(""), NULL);
        const struct topic as_topic = topic_of(topic);
        uint64_t steps = matcher_steps(&as_topic);
        ck_assert_ptr_nonnull(m);
        ck_assert((matcher_try(m, &as_topic, &steps) == MATCH_YES) ==
                  (json_is_true(expected) || slice_eq(source, topic)));
        matcher_free(&m);
        passed++;
    }
    json_decref(root);
    printf("uritemplate/match.json: %zu of %zu vectors pass\n", passed, i);
    ck_assert_uint_eq(passed, 5000);
}
END_TEST

static bool
has_wide(struct slice s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.ptr[i] & 0x80)
            return true;
    return false;
}

/* A case is [template, expansion or expansions]; false: the template is in error. */
static size_t
check_examples(const char *path)
{
    json_t *root = load(path), *section;
    const char *name;
    size_t count = 0;
    json_object_foreach(root, name, section)
    {
        json_t *row, *cases = json_object_get(section, "testcases");
        size_t i;
        json_array_foreach(cases, i, row)
        {
            struct slice source = text(json_array_get(row, 0));
            json_t *expansions = json_array_get(row, 1), *one;
            struct template *t = template_new(source, NULL);
            if (json_is_false(expansions)) {
                /* Some of the negative ones are faults of expansion: `{keys:1}` of a map. */
                count++;
                template_free(&t);
                continue;
            }
            ck_assert_msg(t != NULL, "%s is valid", source.ptr);
            if (has_wide(source)) {
                /* Expansion encodes such a literal; here, by the protocol's rule, it is itself. */
                template_free(&t);
                continue;
            }
            if (json_is_string(expansions)) {
                ck_assert_msg(try(t, text(expansions)) == MATCH_YES, "%s and %s", source.ptr,
                              json_string_value(expansions));
                count++;
            }
            size_t j;
            json_array_foreach(expansions, j, one)
            {
                ck_assert_msg(try(t, text(one)) == MATCH_YES, "%s and %s", source.ptr,
                              json_string_value(one));
                count++;
            }
            template_free(&t);
        }
    }
    json_decref(root);
    return count;
}

START_TEST(a_template_matches_what_it_expands_to)
{
    size_t count = check_examples(DATA "spec-examples.json");
    count += check_examples(DATA "spec-examples-by-section.json");
    count += check_examples(DATA "extended-tests.json");
    count += check_examples(DATA "negative-tests.json");
    printf("uritemplate examples: %zu pass\n", count);
    ck_assert_uint_gt(count, 200);
}
END_TEST

START_TEST(the_negative_examples_are_invalid)
{
    /* What is in error whatever the variables hold. The rest of negative-tests.json: a prefix of a
     * list or map, and names that the RFC's grammar has. */
    static const char *const fine[] = {"{keys:1}", "{+keys:1}"};
    json_t *root = load(DATA "negative-tests.json"), *row;
    json_t *cases = json_object_get(json_object_get(root, "Failure Tests"), "testcases");
    size_t i, invalid = 0;
    json_array_foreach(cases, i, row)
    {
        struct slice source = text(json_array_get(row, 0));
        struct template *t = template_new(source, NULL);
        bool is_fine = false;
        for (size_t j = 0; j < COUNT_OF(fine); j++)
            is_fine |= slice_eq(source, slice_of(fine[j]));
        ck_assert_msg((t != NULL) == is_fine, "%s", source.ptr);
        invalid += t == NULL;
        template_free(&t);
    }
    printf("uritemplate/negative-tests.json: %zu of %zu are invalid\n", invalid, i);
    json_decref(root);
}
END_TEST

START_TEST(literals_and_names_are_judged_by_the_rfc)
{
    static const struct {
        const char *text;
        bool valid;
    } rows[] = {
        {"", true},
        {"caf\xc3\xa9/{x}", true},
        {"a%/{x}", false},
        {"a%4/{x}", false},
        {"a%4G{x}", false},
        {"a%41{x}", true},
        {"\xc2\x80", false},
        {"\xc2\xa0", true},
        {"\xff{x}", false},
        {"{\xc3\xa9}", false},
        {"\xef\xb7\x90", false},
        {"\xef\xbf\xbf", false},
        {"\xee\x80\x80", true},
        {"\xf0\x90\x80\x80", true},
        {"\xf0\x9f\xbf\xbe", false},
        {"\xf3\xa0\x80\x80", false},
        {"\xf3\xa1\x80\x80", true},
        {"{x%41.y}", true},
        {"{.}", false},
        {"{x:9999}", true},
        {"{x,y*,z:3}", true},
        {"a\tb", false},
        {"a'b", true},
        {"{x}\x7f", false},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct template *t = template_new(slice_of(rows[i].text), NULL);
        ck_assert_msg((t != NULL) == rows[i].valid, "row %zu, %s", i, rows[i].text);
        template_free(&t);
    }
    struct template *t = template_new(SLICE_OF("a\0{x}", 5), NULL);
    ck_assert_ptr_null(t);
}
END_TEST

static uint64_t seed = 88172645463325252u;

static size_t
below(size_t n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (size_t)(seed % n);
}

/* Short, from few characters, so that templates and topics meet. */
static struct slice
generate(char *out, const char *const *parts, size_t part_count, size_t most)
{
    size_t len = 0;
    for (size_t n = below(most + 1); n; n--) {
        const char *part = parts[below(part_count)];
        memcpy(out + len, part, strlen(part));
        len += strlen(part);
    }
    return SLICE_OF(out, len);
}

START_TEST(a_slow_second_implementation_agrees)
{
    static const char *const in_templates[] = {
        "a",      "/",     ",",      ".",     "?",      "&",    "%41",     "{x}",
        "{x,y}",  "{+x}",  "{#x,y}", "{.x}",  "{.x,y}", "{/x}", "{/x,y}",  "{/x*}",
        "{;x,y}", "{;x*}", "{?x,y}", "{?x*}", "{&x,y}", "{x*}", "{+x,y*}", "{/x,y,z}"};
    static const char *const in_topics[] = {"a", "/", ",", ".", "?", "&",       "%41",
                                            "%", "4", "=", ";", "#", "\xc3\xa9"};
    char source[256], topic[256];
    size_t compared = 0, matched = 0;
    for (size_t i = 0; i < 200000; i++) {
        struct slice s = generate(source, in_templates, COUNT_OF(in_templates), 5);
        struct slice t = generate(topic, in_topics, COUNT_OF(in_topics), 10);
        struct template *made = template_new(s, NULL);
        ck_assert_ptr_nonnull(made);
        struct slow slow = {200000};
        bool expected = slow_match(&slow, s, t);
        if (slow.patience >= 0) {
            ck_assert_msg((try(made, t) == MATCH_YES) == expected, SLICE_FMT " and " SLICE_FMT,
                          SLICE_ARG(s), SLICE_ARG(t));
            compared++;
            matched += expected;
        }
        template_free(&made);
    }
    printf("templates against the slow second implementation: %zu pairs, %zu match\n", compared,
           matched);
    ck_assert_uint_gt(matched, 10000);
}
END_TEST

START_TEST(the_worst_template_meets_the_limit_and_not_the_clock)
{
    enum {
        EXPRESSIONS = 800,
        LENGTH = 100000
    };
    static char source[EXPRESSIONS * 5], topic[LENGTH + 1];
    for (size_t i = 0; i < EXPRESSIONS; i++)
        memcpy(source + i * 5, "{+x}a", 5);
    memset(topic, 'a', LENGTH);
    struct template *t = template_new(SLICE_OF(source, sizeof source), NULL);
    ck_assert_ptr_nonnull(t);
    ck_assert_int_eq(try(t, SLICE_OF(topic, LENGTH)), MATCH_LIMIT);
    uint64_t plenty = UINT64_MAX;
    ck_assert_int_eq(template_match(t, SLICE_OF(topic, EXPRESSIONS), &plenty), MATCH_YES);
    ck_assert_int_eq(template_match(t, SLICE_OF(topic, EXPRESSIONS - 1), &plenty), MATCH_NO);
    template_free(&t);
    ck_assert_ptr_null(t);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("template");
    TCase *c = tcase_create("match");
    tcase_set_timeout(c, 60);
    tcase_add_test(c, every_vector_matches_as_expected);
    tcase_add_test(c, a_template_matches_what_it_expands_to);
    tcase_add_test(c, the_negative_examples_are_invalid);
    tcase_add_test(c, literals_and_names_are_judged_by_the_rfc);
    tcase_add_test(c, a_slow_second_implementation_agrees);
    tcase_add_test(c, the_worst_template_meets_the_limit_and_not_the_clock);
    suite_add_tcase(s, c);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
