/* Claims of 0.x, and what they allow. */

#include "auth/grant.h"

#include "base/buf.h"
#include "base/hash.h"
#include "unit/guard.h"

static const uint64_t now_ms = 1700000000500;

static enum token_fault
read_claims(struct slice json, struct grant **g)
{
    *g = NULL;
    return claims_read(guard_copy(json), now_ms, g);
}

static const struct {
    struct slice json;
    enum token_fault fault;
} rows[] = {
    {SLICE_INIT("{}"), TOKEN_OK},
    {SLICE_INIT("{\"mercure\":null}"), TOKEN_OK},
    {SLICE_INIT("{\"mercure\":{\"publish\":null,\"payload\":[1,{}]}}"), TOKEN_OK},
    {SLICE_INIT("{\"mercure\":[]}"), TOKEN_BAD_CLAIMS},
    {SLICE_INIT("{\"mercure\":{\"publish\":\"*\"}}"), TOKEN_BAD_CLAIMS},
    {SLICE_INIT("{\"mercure\":{\"publish\":[1]}}"), TOKEN_BAD_CLAIMS},
    {SLICE_INIT("{\"mercure\":{\"subscribe\":[\"a\",null]}}"), TOKEN_BAD_CLAIMS},
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
    {SLICE_INIT("{\"exp\":\"soon\"}"), TOKEN_BAD_CLAIMS},
    {SLICE_INIT("{\"exp\":\"inf\"}"), TOKEN_BAD_CLAIMS},
    {SLICE_INIT("{\"exp\":\"0x7fffffffff\"}"), TOKEN_BAD_CLAIMS},
    {SLICE_INIT("{\"exp\":true}"), TOKEN_BAD_CLAIMS},
    {SLICE_INIT("{\"exp\":null,\"nbf\":null}"), TOKEN_OK},
    {SLICE_INIT("{\"nbf\":1700000000.5}"), TOKEN_OK},
    {SLICE_INIT("{\"nbf\":1700000000.75}"), TOKEN_NOT_YET_VALID},
    {SLICE_INIT("{\"exp\":9007199254740993}"), TOKEN_OK},
};

START_TEST(claims_are_judged)
{
    struct grant *g;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        enum token_fault fault = read_claims(rows[i].json, &g);
        ck_assert_msg(fault == rows[i].fault, "row %zu: %s", i, token_fault_name(fault));
        ck_assert((g != NULL) == (fault == TOKEN_OK));
        grant_unref(&g);
    }
}
END_TEST

START_TEST(rights_are_exact_or_everything)
{
    struct grant *g;
    ck_assert_int_eq(
        read_claims(SLICE("{\"mercure\":{\"publish\":[\"b\",\"a\",\"\"],\"subscribe\":[\"*\"]}}"),
                    &g),
        TOKEN_OK);
    ck_assert(grant_allows_publish(g, SLICE("a")) && grant_allows_publish(g, SLICE("b")));
    ck_assert(grant_allows_publish(g, SLICE("")));
    ck_assert(!grant_allows_publish(g, SLICE("ab")) && !grant_allows_publish(g, SLICE("a\0")));
    ck_assert(grant_allows_subscribe(g, SLICE("anything")));
    grant_unref(&g);
    ck_assert_int_eq(read_claims(SLICE("{\"mercure\":{\"publish\":[\"no\"]},"
                                       "\"https://mercure.rocks/\":{\"publish\":[\"yes\"]}}"),
                                 &g),
                     TOKEN_OK);
    ck_assert(grant_allows_publish(g, SLICE("yes")) && !grant_allows_publish(g, SLICE("no")));
    grant_unref(&g);
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
    ck_assert_int_eq(read_claims(buf_slice(&b), &g), TOKEN_OK);
    ck_assert(grant_allows_publish(g, SLICE("999")) && !grant_allows_publish(g, SLICE("1000")));
    grant_unref(&g);
    b.len = kept;
    buf_add(&b, SLICE(",\"x\"]}}"));
    ck_assert_int_eq(read_claims(buf_slice(&b), &g), TOKEN_BAD_CLAIMS);
    buf_fini(&b);
}
END_TEST

UNIT_MAIN("auth/grant", claims_are_judged, rights_are_exact_or_everything,
          a_thousand_selectors_pass_and_one_more_does_not)
