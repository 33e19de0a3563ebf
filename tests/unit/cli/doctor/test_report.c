/* What was found, for people and for programs. */

#include "cli/doctor/report.h"

#include "base/alloc.h"
#include "unit/guard.h"

#include <cjson/cJSON.h>
#include <stdlib.h>

static char *
report_of(bool as_json, size_t *ret_bad)
{
    char *text;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    struct report *r = report_new(out, as_json);
    report_begin(r, "one");
    report_ok(r, "%s", "well");
    report_bad(r, "a line", "no \x1b[31m %d", 7);
    report_begin(r, "two");
    report_note(r, NULL, "odd");
    report_skip(r, "left out");
    *ret_bad = report_end(r);
    report_free(&r);
    fclose(out);
    return text;
}

START_TEST(each_finding_is_a_line_and_what_to_add_stands_under_it)
{
    size_t bad;
    char *text = report_of(false, &bad);
    ck_assert_str_eq(text, "ok   one            well\n"
                           "BAD  one            no \\x1b[31m 7\n"
                           "                    -> a line\n"
                           "note two            odd\n"
                           "-    two            left out\n"
                           "1 bad, 1 to note.\n");
    ck_assert_uint_eq(bad, 1);
    free(text);
}
END_TEST

START_TEST(as_json_it_is_one_object)
{
    size_t bad;
    char *text = report_of(true, &bad);
    cJSON *all = cJSON_Parse(text);
    const cJSON *findings = cJSON_GetObjectItem(all, "findings");
    const cJSON *second = cJSON_GetArrayItem(findings, 1);
    ck_assert_int_eq(cJSON_GetArraySize(findings), 4);
    ck_assert_int_eq(cJSON_GetObjectItem(all, "bad")->valueint, 1);
    ck_assert_int_eq(cJSON_GetObjectItem(all, "skipped")->valueint, 1);
    ck_assert_str_eq(cJSON_GetObjectItem(second, "check")->valuestring, "one");
    ck_assert_str_eq(cJSON_GetObjectItem(second, "verdict")->valuestring, "bad");
    ck_assert_str_eq(cJSON_GetObjectItem(second, "add")->valuestring, "a line");
    ck_assert_uint_eq(bad, 1);
    cJSON_Delete(all);
    free(text);
}
END_TEST

UNIT_MAIN("cli/doctor/report", each_finding_is_a_line_and_what_to_add_stands_under_it,
          as_json_it_is_one_object)
