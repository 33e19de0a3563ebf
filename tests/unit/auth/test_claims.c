/* Claims of both dialects, and what they allow. */

#include "auth/claims.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "unit/auth/mint.h"
#include "unit/guard.h"

#include <jansson.h>
#include <time.h>

#define AUD "https://hub.example/.well-known/mercure"

static const uint64_t now_ms = 1700000000500;
static struct token_refusal refusal;

static enum token_fault
judge(enum dialect dialect, struct slice json, struct grant **ret)
{
    const struct claims_rules rules = {.dialect = dialect,
                                       .audience = SLICE(AUD),
                                       .base = SLICE(AUD),
                                       .now_ms = now_ms,
                                       .limits = {1000, 100}};
    json_t *claims = claims_parse(guard_copy(json));
    *ret = NULL;
    refusal = (struct token_refusal){0};
    if (claims == NULL)
        return TOKEN_BAD_CLAIMS;
    struct grant *g = xalloc(sizeof *g);
    atomic_init(&g->refs, 1);
    enum token_fault fault = claims_judge(claims, guard_copy(json), &rules, g, &refusal);
    json_decref(claims);
    if (fault == TOKEN_OK)
        *ret = g;
    else
        grant_unref(&g);
    return fault;
}

static bool
allows(const struct grant *g, enum role action, struct slice text)
{
    uint64_t steps = rights_budget(g->rights, 1);
    struct topic topic = topic_of(text);
    bool answer = rights_allow(g->rights, action, &topic, &steps);
    topic_fini(&topic);
    return answer;
}

struct row {
    struct slice json;
    enum token_fault fault;
};

static void
check_rows(enum dialect dialect, const struct row *rows, size_t count)
{
    struct grant *g;
    for (size_t i = 0; i < count; i++) {
        enum token_fault fault = judge(dialect, rows[i].json, &g);
        ck_assert_msg(fault == rows[i].fault, "row %zu: %s (%s)", i, token_fault_name(fault),
                      refusal.detail);
        ck_assert((g != NULL) == (fault == TOKEN_OK));
        grant_unref(&g);
    }
}

static const struct row old_rows[] = {
    {SLICE_INIT("{}"), TOKEN_OK},
    {SLICE_INIT("{\"mercure\":null}"), TOKEN_OK},
    {SLICE_INIT("{\"mercure\":{\"publish\":null,\"payload\":[1,{}]}}"), TOKEN_OK},
    {SLICE_INIT("{\"mercure\":[]}"), TOKEN_BAD_MERCURE_CLAIM},
    {SLICE_INIT("{\"mercure\":{\"publish\":\"*\"}}"), TOKEN_BAD_MERCURE_CLAIM},
    {SLICE_INIT("{\"mercure\":{\"publish\":[1]}}"), TOKEN_BAD_MERCURE_CLAIM},
    {SLICE_INIT("{\"mercure\":{\"subscribe\":[\"a\",null]}}"), TOKEN_BAD_MERCURE_CLAIM},
    {SLICE_INIT("{\"mercure\":{},\"mercure\":{}}"), TOKEN_BAD_CLAIMS},
    {SLICE_INIT("{\"mercure\":{\"publish\":[\"a\\u0000b\"]}}"), TOKEN_BAD_CLAIMS},
    {SLICE_INIT("[]"), TOKEN_BAD_CLAIMS},
    {SLICE_INIT("{} {}"), TOKEN_BAD_CLAIMS},
    {SLICE_INIT(""), TOKEN_BAD_CLAIMS},
    {SLICE_INIT("{\"exp\":1700000001}"), TOKEN_OK},
    {SLICE_INIT("{\"exp\":1700000000.75}"), TOKEN_OK},
    {SLICE_INIT("{\"exp\":1700000000.5}"), TOKEN_EXPIRED},
    {SLICE_INIT("{\"exp\":1.7e9}"), TOKEN_EXPIRED},
    {SLICE_INIT("{\"exp\":1.8e9}"), TOKEN_OK},
    {SLICE_INIT("{\"exp\":-1}"), TOKEN_EXPIRED},
    {SLICE_INIT("{\"exp\":\"1700000001\"}"), TOKEN_OK},
    {SLICE_INIT("{\"exp\":\"1700000000.5\"}"), TOKEN_EXPIRED},
    {SLICE_INIT("{\"exp\":\"soon\"}"), TOKEN_BAD_DATE},
    {SLICE_INIT("{\"exp\":\"\"}"), TOKEN_BAD_DATE},
    {SLICE_INIT("{\"exp\":\"inf\"}"), TOKEN_BAD_DATE},
    {SLICE_INIT("{\"exp\":\"1e999\"}"), TOKEN_BAD_DATE},
    {SLICE_INIT("{\"exp\":\"0x7fffffffff\"}"), TOKEN_BAD_DATE},
    {SLICE_INIT("{\"exp\":true}"), TOKEN_BAD_DATE},
    {SLICE_INIT("{\"exp\":null,\"nbf\":null}"), TOKEN_OK},
    {SLICE_INIT("{\"nbf\":1700000000.5}"), TOKEN_OK},
    {SLICE_INIT("{\"nbf\":1700000000.75}"), TOKEN_NOT_YET_VALID},
    {SLICE_INIT("{\"nbf\":-5}"), TOKEN_OK},
    {SLICE_INIT("{\"exp\":9007199254740993}"), TOKEN_OK},
    {SLICE_INIT("{\"exp\":123456789012345678901234567890}"), TOKEN_OK},
    {SLICE_INIT("{\"exp\":1e300,\"nbf\":-1e300}"), TOKEN_OK},
    {SLICE_INIT("{\"exp\":1e999}"), TOKEN_BAD_CLAIMS},
};

START_TEST(claims_of_0x_are_judged)
{
    check_rows(DIALECT_0X, old_rows, COUNT_OF(old_rows));
}
END_TEST

#define GOOD    "{\"exp\":1.8e9,\"aud\":\"" AUD "\",\"authorization_details\":"
#define DETAIL  "\"type\":\"https://mercure.rocks/authorization-detail\""
#define ACTIONS "\"actions\":[\"publish\",\"subscribe\"]"
#define TOPICS  "\"topics\":[{\"match\":\"a\"}]"

static const struct row new_rows[] = {
    {SLICE_INIT("{\"exp\":1.8e9,\"aud\":\"" AUD "\"}"), TOKEN_OK},
    {SLICE_INIT("{\"exp\":1.8e9,\"aud\":[\"x\",\"" AUD "\"]}"), TOKEN_OK},
    {SLICE_INIT("{\"exp\":1.8e9,\"aud\":[]}"), TOKEN_BAD_AUD},
    {SLICE_INIT("{\"exp\":1.8e9,\"aud\":[\"" AUD "\",1]}"), TOKEN_BAD_AUD},
    {SLICE_INIT("{\"exp\":1.8e9,\"aud\":{}}"), TOKEN_BAD_AUD},
    {SLICE_INIT("{\"exp\":1.8e9,\"aud\":\"" AUD "/\"}"), TOKEN_BAD_AUD},
    {SLICE_INIT("{\"exp\":1.8e9}"), TOKEN_BAD_AUD},
    {SLICE_INIT("{\"aud\":\"" AUD "\"}"), TOKEN_NO_EXP},
    {SLICE_INIT("{\"exp\":null,\"aud\":\"" AUD "\"}"), TOKEN_BAD_DATE},
    {SLICE_INIT("{\"exp\":\"1800000000\",\"aud\":\"" AUD "\"}"), TOKEN_BAD_DATE},
    {SLICE_INIT("{\"exp\":1.8e9,\"nbf\":null,\"aud\":\"" AUD "\"}"), TOKEN_BAD_DATE},
    {SLICE_INIT("{\"exp\":1.8e9,\"nbf\":1.75e9,\"aud\":\"" AUD "\"}"), TOKEN_NOT_YET_VALID},
    {SLICE_INIT("{\"exp\":1.6e9,\"aud\":\"" AUD "\"}"), TOKEN_EXPIRED},
    {SLICE_INIT(GOOD "null}"), TOKEN_OK},
    {SLICE_INIT(GOOD "[]}"), TOKEN_OK},
    {SLICE_INIT(GOOD "{}}"), TOKEN_BAD_DETAILS},
    {SLICE_INIT(GOOD "[1]}"), TOKEN_BAD_DETAILS},
    {SLICE_INIT(GOOD "[{}]}"), TOKEN_OK},
    {SLICE_INIT(GOOD "[{\"type\":\"payment\",\"actions\":7},{\"type\":8}]}"), TOKEN_OK},
    {SLICE_INIT(GOOD "[{" DETAIL "," ACTIONS "," TOPICS "}]}"), TOKEN_OK},
    {SLICE_INIT(GOOD "[{" DETAIL "," TOPICS "}]}"), TOKEN_BAD_DETAILS},
    {SLICE_INIT(GOOD "[{" DETAIL "," ACTIONS "}]}"), TOKEN_BAD_DETAILS},
    {SLICE_INIT(GOOD "[{" DETAIL ",\"actions\":[]," TOPICS "}]}"), TOKEN_BAD_DETAILS},
    {SLICE_INIT(GOOD "[{" DETAIL ",\"actions\":[1]," TOPICS "}]}"), TOKEN_BAD_DETAILS},
    {SLICE_INIT(GOOD "[{" DETAIL ",\"actions\":[\"fly\"]," TOPICS "}]}"), TOKEN_OK},
    {SLICE_INIT(GOOD "[{" DETAIL "," ACTIONS ",\"topics\":[]}]}"), TOKEN_BAD_DETAILS},
    {SLICE_INIT(GOOD "[{" DETAIL "," ACTIONS ",\"topics\":[\"a\"]}]}"), TOKEN_BAD_DETAILS},
    {SLICE_INIT(GOOD "[{" DETAIL "," ACTIONS ",\"topics\":[{\"match\":\"\"}]}]}"),
     TOKEN_BAD_DETAILS},
    {SLICE_INIT(GOOD "[{" DETAIL "," ACTIONS ",\"topics\":[{\"match\":\"a\",\"match_type\":"
                     "\"template\"}]}]}"),
     TOKEN_BAD_DETAILS},
    {SLICE_INIT(GOOD "[{" DETAIL "," ACTIONS ",\"topics\":[{\"match\":\"a\",\"match_type\":"
                     "1}]}]}"),
     TOKEN_BAD_DETAILS},
    {SLICE_INIT(GOOD "[{" DETAIL "," ACTIONS ",\"topics\":[{\"match\":\"a\",\"match_type\":"
                     "null},{\"match\":\"b\",\"match_type\":\"\"}]}]}"),
     TOKEN_OK},
    {SLICE_INIT(GOOD "[{" DETAIL "," ACTIONS "," TOPICS ",\"payload\":null}]}"), TOKEN_OK},
};

START_TEST(claims_of_1_0_are_judged)
{
    check_rows(DIALECT_1_0, new_rows, COUNT_OF(new_rows));
}
END_TEST

START_TEST(a_refused_audience_is_named)
{
    struct grant *g;
    ck_assert_int_eq(judge(DIALECT_1_0, SLICE("{\"exp\":1.8e9,\"aud\":[\"x\",\"y\"]}"), &g),
                     TOKEN_BAD_AUD);
    ck_assert_str_eq(refusal.expected_aud, AUD);
    ck_assert_str_eq(refusal.received_aud, "x y");
}
END_TEST

START_TEST(rights_are_exact_or_everything)
{
    struct grant *g;
    ck_assert_int_eq(judge(DIALECT_0X,
                           SLICE("{\"mercure\":{\"publish\":[\"b\",\"a\",\"\",\"https://x/{id}\"],"
                                 "\"subscribe\":[\"*\"]}}"),
                           &g),
                     TOKEN_OK);
    ck_assert(allows(g, ROLE_PUBLISH, SLICE("a")));
    ck_assert(allows(g, ROLE_PUBLISH, SLICE("b")));
    ck_assert(allows(g, ROLE_PUBLISH, SLICE("")));
    ck_assert(allows(g, ROLE_PUBLISH, SLICE("https://x/7")));
    ck_assert(allows(g, ROLE_PUBLISH, SLICE("https://x/{id}")));
    ck_assert(!allows(g, ROLE_PUBLISH, SLICE("https://x/7/8")));
    ck_assert(!allows(g, ROLE_PUBLISH, SLICE("ab")));
    ck_assert(!allows(g, ROLE_PUBLISH, SLICE("a\0")));
    ck_assert(allows(g, ROLE_SUBSCRIBE, SLICE("anything")));
    grant_unref(&g);
    ck_assert_int_eq(judge(DIALECT_0X,
                           SLICE("{\"mercure\":{\"publish\":[\"no\"]},"
                                 "\"https://mercure.rocks/\":{\"publish\":[\"yes\"]}}"),
                           &g),
                     TOKEN_OK);
    ck_assert(allows(g, ROLE_PUBLISH, SLICE("yes")));
    ck_assert(!allows(g, ROLE_PUBLISH, SLICE("no")));
    ck_assert(rights_has(g->rights, ROLE_PUBLISH) && !rights_has(g->rights, ROLE_SUBSCRIBE));
    grant_unref(&g);
}
END_TEST

START_TEST(each_detail_grants_its_own_actions)
{
    struct grant *g;
    ck_assert_int_eq(
        judge(DIALECT_1_0,
              SLICE(GOOD "[{" DETAIL ",\"actions\":[\"publish\"],\"topics\":[{\"match\":\"p\"}]},"
                         "{" DETAIL ",\"actions\":[\"subscribe\",\"fly\"],\"topics\":["
                         "{\"match\":\"s\"},{\"match\":\"x/{id}\"}]}]}"),
              &g),
        TOKEN_OK);
    ck_assert(allows(g, ROLE_PUBLISH, SLICE("p")));
    ck_assert(!allows(g, ROLE_PUBLISH, SLICE("s")));
    ck_assert(allows(g, ROLE_SUBSCRIBE, SLICE("s")));
    ck_assert(!allows(g, ROLE_SUBSCRIBE, SLICE("p")));
    ck_assert(allows(g, ROLE_SUBSCRIBE, SLICE("x/{id}")));
    ck_assert(!allows(g, ROLE_SUBSCRIBE, SLICE("x/7")));
    grant_unref(&g);
}
END_TEST

START_TEST(the_payload_travels_unchanged)
{
    struct grant *g;
    struct slice json;
    ck_assert_int_eq(
        judge(DIALECT_0X,
              SLICE("{\"a\":{\"b\":[\"]\"]},\"mercure\": { \"x\":\"\\\"}\", \"p\\u0061yload\" : "
                    "{ \"n\" : 0.1, \"big\":12345678901234567890123, \"t\":\"a b\\u00e9\\\\\" } "
                    "} }"),
              &g),
        TOKEN_OK);
    ck_assert(rights_payload(g->rights, SLICE("any"), &json));
    ck_assert(slice_eq(json, SLICE("{\"n\":0.1,\"big\":12345678901234567890123,"
                                   "\"t\":\"a b\\u00e9\\\\\"}")));
    grant_unref(&g);
    ck_assert_int_eq(judge(DIALECT_0X, SLICE("{\"mercure\":{\"payload\":null}}"), &g), TOKEN_OK);
    ck_assert(!rights_payload(g->rights, SLICE("any"), &json));
    grant_unref(&g);
}
END_TEST

START_TEST(the_first_detail_that_matches_decides_the_payload)
{
    struct grant *g;
    struct slice json;
    ck_assert_int_eq(
        judge(DIALECT_1_0,
              SLICE(GOOD "[{" DETAIL ",\"actions\":[\"publish\"],\"topics\":[{\"match\":\"*\"}],"
                         "\"payload\":1},{\"type\":\"other\",\"payload\":2},"
                         "{" DETAIL ",\"actions\":[\"subscribe\"],\"topics\":[{\"match\":\"a\"}]},"
                         "{" DETAIL ",\"actions\":[\"subscribe\"],\"topics\":[{\"match\":\"*\"}],"
                         "\"payload\": \"all\"}]}"),
              &g),
        TOKEN_OK);
    ck_assert(!rights_payload(g->rights, SLICE("a"), &json));
    ck_assert(rights_payload(g->rights, SLICE("b"), &json));
    ck_assert(slice_eq(json, SLICE("\"all\"")));
    grant_unref(&g);
}
END_TEST

START_TEST(equal_rights_are_held_once)
{
    struct grant *a, *b, *c;
    ck_assert_int_eq(judge(DIALECT_0X, SLICE("{\"mercure\":{\"publish\":[\"a\"]}}"), &a), TOKEN_OK);
    ck_assert_int_eq(
        judge(DIALECT_0X, SLICE("{\"exp\":1.8e9,\"mercure\":{\"publish\":[\"a\"]}}"), &b),
        TOKEN_OK);
    ck_assert_int_eq(judge(DIALECT_0X, SLICE("{\"mercure\":{\"publish\":[\"b\"]}}"), &c), TOKEN_OK);
    ck_assert_ptr_eq(a->rights, b->rights);
    ck_assert_ptr_ne(a->rights, c->rights);
    grant_unref(&a);
    ck_assert(allows(b, ROLE_PUBLISH, SLICE("a")));
    grant_unref(&b);
    grant_unref(&c);
}
END_TEST

START_TEST(a_thousand_selectors_pass_and_one_more_does_not)
{
    struct buf b;
    struct grant *g;
    buf_init(&b, 65536);
    buf_add(&b, SLICE("{\"mercure\":{\"publish\":[\"0\""));
    for (int i = 1; i < 1000; i++)
        buf_addf(&b, ",\"%d\"", i);
    size_t kept = b.len;
    buf_add(&b, SLICE("]}}"));
    ck_assert_int_eq(judge(DIALECT_0X, buf_slice(&b), &g), TOKEN_OK);
    ck_assert(allows(g, ROLE_PUBLISH, SLICE("999")));
    ck_assert(!allows(g, ROLE_PUBLISH, SLICE("1000")));
    grant_unref(&g);
    b.len = kept;
    buf_add(&b, SLICE(",\"x\"]}}"));
    ck_assert_int_eq(judge(DIALECT_0X, buf_slice(&b), &g), TOKEN_TOO_MANY_SELECTORS);
    buf_fini(&b);
}
END_TEST

/* However many templates, and however long the topic: all of them have one budget of steps. */
START_TEST(a_thousand_templates_cannot_make_a_publish_slow)
{
    struct buf b, topic;
    struct grant *g;
    struct timespec begin, end;
    buf_init(&b, 65536);
    buf_init(&topic, 1 << 20);
    buf_add(&b, SLICE("{\"mercure\":{\"publish\":[\"x\""));
    for (int i = 1; i < 1000; i++)
        buf_addf(&b, ",\"a{+b}b%d{+c}{d}\"", i);
    buf_add(&b, SLICE("]}}"));
    for (int i = 0; i < 60000; i++)
        buf_add_byte(&topic, 'a');
    ck_assert_int_eq(judge(DIALECT_0X, buf_slice(&b), &g), TOKEN_OK);
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &begin);
    ck_assert(!allows(g, ROLE_PUBLISH, buf_slice(&topic)));
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end);
    double taken =
        (double)(end.tv_sec - begin.tv_sec) + (double)(end.tv_nsec - begin.tv_nsec) / 1e9;
    ck_assert_msg(taken < 0.5, "%f s", taken);
    grant_unref(&g);
    buf_fini(&b);
    buf_fini(&topic);
}
END_TEST

START_TEST(a_hundred_details_and_matchers_pass_and_one_more_does_not)
{
    struct buf b;
    struct grant *g;
    for (int shape = 0; shape < 2; shape++) {
        for (int count = 100; count <= 101; count++) {
            buf_init(&b, 65536);
            buf_add(&b, SLICE(GOOD "["));
            if (shape)
                buf_add(&b, SLICE("{" DETAIL "," ACTIONS ",\"topics\":["));
            for (int i = 0; i < count; i++)
                buf_addf(&b, "%s%s", i ? "," : "",
                         shape ? "{\"match\":\"a\"}" : "{" DETAIL "," ACTIONS "," TOPICS "}");
            buf_add(&b, shape ? SLICE("]}]}") : SLICE("]}"));
            ck_assert_int_eq(judge(DIALECT_1_0, buf_slice(&b), &g),
                             count == 100 ? TOKEN_OK : TOKEN_TOO_MANY_DETAILS);
            grant_unref(&g);
            buf_fini(&b);
        }
    }
}
END_TEST

START_TEST(no_aud_is_that_of_a_hub_that_does_not_know_its_own)
{
    static const struct slice texts[] = {SLICE_INIT("{\"exp\":1.8e9,\"aud\":\"\"}"),
                                         SLICE_INIT("{\"exp\":1.8e9,\"aud\":[\"\"]}"),
                                         SLICE_INIT("{\"exp\":1.8e9,\"aud\":\"x\"}")};
    const struct claims_rules rules = {
        .dialect = DIALECT_1_0, .audience = SLICE(""), .now_ms = now_ms, .limits = {1000, 100}};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        struct grant g = {0};
        json_t *claims = claims_parse(texts[i]);
        ck_assert_int_eq(claims_judge(claims, texts[i], &rules, &g, &refusal), TOKEN_BAD_AUD);
        json_decref(claims);
    }
}
END_TEST

static const struct {
    enum dialect dialect;
    struct slice json;
    const char *why; /* how it begins; NULL: nothing is said */
} empty_ones[] = {
    {DIALECT_0X, SLICE_INIT("{}"), "there is no mercure claim"},
    {DIALECT_0X, SLICE_INIT("{\"mercure\":null}"), "there is no mercure claim"},
    {DIALECT_0X, SLICE_INIT("{\"publish\":[\"*\"]}"), "there is no mercure claim: publish"},
    {DIALECT_0X, SLICE_INIT("{\"Mercure\":{}}"), "there is no mercure claim: its name"},
    {DIALECT_0X, SLICE_INIT("{\"https://mercure.rocks\":{}}"),
     "there is no mercure claim: https://mercure.rocks/ ends"},
    {DIALECT_0X, SLICE_INIT("{\"authorization_details\":[]}"),
     "there is no mercure claim: authorization_details"},
    {DIALECT_0X, SLICE_INIT("{\"mercure\":{}}"), NULL},
    {DIALECT_0X, SLICE_INIT("{\"https://mercure.rocks/\":{\"publish\":[\"*\"]}}"), NULL},
    {DIALECT_1_0, SLICE_INIT("{\"exp\":1.8e9,\"aud\":\"" AUD "\"}"),
     "there is no authorization_details"},
    {DIALECT_1_0, SLICE_INIT(GOOD "[]}"), "no entry of authorization_details"},
    {DIALECT_1_0, SLICE_INIT(GOOD "[{\"type\":\"x\"}]}"), "no entry of authorization_details"},
    {DIALECT_1_0, SLICE_INIT(GOOD "[{" DETAIL "," ACTIONS "," TOPICS "}]}"), NULL},
};

START_TEST(a_good_token_without_rights_knows_why)
{
    struct grant *g;
    for (size_t i = 0; i < COUNT_OF(empty_ones); i++) {
        ck_assert_int_eq(judge(empty_ones[i].dialect, empty_ones[i].json, &g), TOKEN_OK);
        bool same = g->no_rights == NULL || empty_ones[i].why == NULL
                        ? g->no_rights == empty_ones[i].why
                        : slice_starts(slice_of(g->no_rights), slice_of(empty_ones[i].why));
        ck_assert_msg(same, "row %zu: %s", i, g->no_rights ? g->no_rights : "nothing");
        grant_unref(&g);
    }
}
END_TEST

static const struct {
    double before; /* seconds before now */
    const char *detail;
} spans[] = {
    {0, "0 s ago"},    {119, "119 s ago"},   {120, "2 min ago"},      {7000, "117 min ago"},
    {7200, "2 h ago"}, {86400, "24 h ago"},  {172800, "2 days ago"},  {95777652, "1109 days ago"},
    {-30, "in 30 s"},  {-3600, "in 60 min"}, {-864000, "in 10 days"},
};

START_TEST(how_long_ago_is_said_in_the_unit_that_a_person_takes)
{
    char json[100];
    struct grant *g;
    for (size_t i = 0; i < COUNT_OF(spans); i++) {
        snprintf(json, sizeof json, "{\"%s\":%.1f}", spans[i].before < 0 ? "nbf" : "exp",
                 (double)now_ms / 1000 - spans[i].before);
        ck_assert_int_ne(judge(DIALECT_0X, slice_of(json), &g), TOKEN_OK);
        ck_assert_str_eq(refusal.detail, spans[i].detail);
    }
}
END_TEST

UNIT_MAIN("auth/claims", claims_of_0x_are_judged, claims_of_1_0_are_judged,
          a_refused_audience_is_named, rights_are_exact_or_everything,
          each_detail_grants_its_own_actions, the_payload_travels_unchanged,
          the_first_detail_that_matches_decides_the_payload, equal_rights_are_held_once,
          a_thousand_selectors_pass_and_one_more_does_not,
          a_thousand_templates_cannot_make_a_publish_slow,
          a_hundred_details_and_matchers_pass_and_one_more_does_not,
          no_aud_is_that_of_a_hub_that_does_not_know_its_own, a_good_token_without_rights_knows_why,
          how_long_ago_is_said_in_the_unit_that_a_person_takes)
