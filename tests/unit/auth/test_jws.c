/* JSON Web Signatures: the RFC's own example, and everything that must not pass. */

#include "auth/jws.h"

#include "auth/key_text.h"
#include "unit/auth/mint.h"
#include "unit/guard.h"

#include <stdio.h>

static enum token_fault
verify(struct slice token)
{
    struct authority *a = mint_authority();
    struct grant *g;
    enum token_fault fault = mint_verify(a, guard_copy(token), 1700000000000, &g);
    grant_unref(&g);
    authority_free(&a);
    return fault;
}

START_TEST(the_example_of_rfc_7515_appendix_a_1_is_good)
{
    struct arena arena;
    struct error err = {""};
    struct jws j;
    struct slice token = SLICE("eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9."
                               "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFt"
                               "cGxlLmNvbS9pc19yb290Ijp0cnVlfQ."
                               "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
    struct key *key = key_read(SLICE("{\"kty\":\"oct\",\"k\":\"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-"
                                     "EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow\"}"),
                               SLICE(""), KEY_MUST_NAME, &err);
    ck_assert_msg(key != NULL, "%s", err.text);
    arena_init(&arena, 1 << 20);
    ck_assert_int_eq(jws_read(&j, guard_copy(token), &arena), TOKEN_OK);
    ck_assert(j.typ_is_known && !j.is_access_token && !j.has_kid);
    ck_assert(slice_starts(j.payload, SLICE("{\"iss\":\"joe\",")));
    ck_assert(key_verify(key, j.algorithm, j.input, j.signature));
    ck_assert(!key_verify(key, algorithm_find(SLICE("HS384")), j.input, j.signature));
    key_free(&key);
    arena_fini(&arena);
}
END_TEST

START_TEST(one_bit_anywhere_makes_it_bad)
{
    char copy[400];
    struct slice good = mint(SLICE("{\"alg\":\"HS256\"}"), SLICE("{\"a\":1}"));
    size_t len = good.len;
    memcpy(copy, good.ptr, len);
    ck_assert_int_eq(verify(SLICE_OF(copy, len)), TOKEN_OK);
    for (size_t i = 0; i < len * 8; i++) {
        copy[i / 8] ^= (char)(1 << i % 8);
        ck_assert_int_ne(verify(SLICE_OF(copy, len)), TOKEN_OK);
        copy[i / 8] ^= (char)(1 << i % 8);
    }
    for (size_t i = 0; i < len; i++)
        ck_assert_int_ne(verify(SLICE_OF(copy, i)), TOKEN_OK);
    copy[len] = 'A';
    ck_assert_int_ne(verify(SLICE_OF(copy, len + 1)), TOKEN_OK);
    copy[len] = '.';
    ck_assert_int_ne(verify(SLICE_OF(copy, len + 1)), TOKEN_OK);
}
END_TEST

static const struct {
    struct slice header;
    enum token_fault fault;
} headers[] = {
    {SLICE_INIT("{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"x\"}"), TOKEN_OK},
    {SLICE_INIT("{\"alg\":\"HS256\",\"typ\":7}"), TOKEN_OK},
    {SLICE_INIT("{\"alg\":\"HS256\",\"jwk\":{\"kty\":\"oct\",\"k\":\"AA\"}}"), TOKEN_OK},
    {SLICE_INIT("{\"alg\":\"none\"}"), TOKEN_BAD_ALG},
    {SLICE_INIT("{\"alg\":\"hs256\"}"), TOKEN_BAD_ALG},
    {SLICE_INIT("{\"alg\":\"HS384\"}"), TOKEN_BAD_ALG},
    {SLICE_INIT("{\"alg\":\"RS256\"}"), TOKEN_BAD_ALG},
    {SLICE_INIT("{\"alg\":\"\"}"), TOKEN_BAD_ALG},
    {SLICE_INIT("{\"alg\":\"HS256\\u0000\"}"), TOKEN_BAD_HEADER},
    {SLICE_INIT("{\"alg\":\"HS256\",\"a\\u0000\":1}"), TOKEN_BAD_HEADER},
    {SLICE_INIT("{\"alg\":256}"), TOKEN_BAD_HEADER},
    {SLICE_INIT("{\"alg\":\"HS256\",\"kid\":1}"), TOKEN_BAD_HEADER},
    {SLICE_INIT("{}"), TOKEN_BAD_HEADER},
    {SLICE_INIT("[]"), TOKEN_BAD_HEADER},
    {SLICE_INIT("{\"alg\":\"HS256\",\"alg\":\"HS256\"}"), TOKEN_BAD_HEADER},
    {SLICE_INIT("{\"alg\":\"HS256\"} x"), TOKEN_BAD_HEADER},
    {SLICE_INIT("{\"alg\":\"HS256\",\"crit\":[\"exp\"]}"), TOKEN_CRIT},
    {SLICE_INIT("{\"alg\":\"HS256\",\"crit\":null}"), TOKEN_CRIT},
    {SLICE_INIT("{\"alg\":\"HS256\",\"typ\":\"at+jwt\"}"), TOKEN_BAD_ISS},
    {SLICE_INIT("{\"alg\":\"HS256\",\"typ\":\"application/AT+JWT\"}"), TOKEN_BAD_ISS},
};

START_TEST(the_header_is_judged_although_the_signature_is_good)
{
    for (size_t i = 0; i < COUNT_OF(headers); i++) {
        enum token_fault fault = verify(mint(headers[i].header, SLICE("{}")));
        ck_assert_msg(fault == headers[i].fault, "row %zu: %s", i, token_fault_name(fault));
    }
}
END_TEST

START_TEST(bombs_are_refused)
{
    char deep[4000], huge[TOKEN_MAX + 1];
    size_t n = (size_t)snprintf(deep, sizeof deep, "{\"alg\":\"HS256\",\"x\":");
    memset(deep + n, '[', 3000);
    ck_assert_int_eq(verify(mint(SLICE_OF(deep, n + 3000), SLICE("{}"))), TOKEN_BAD_HEADER);
    ck_assert_int_eq(verify(mint(SLICE("{\"alg\":\"HS256\"}"), SLICE_OF(deep + n, 3000))),
                     TOKEN_BAD_CLAIMS);
    memset(huge, 'A', sizeof huge);
    ck_assert_int_eq(verify(SLICE_OF(huge, sizeof huge)), TOKEN_TOO_LARGE);
}
END_TEST

UNIT_MAIN("auth/jws", the_example_of_rfc_7515_appendix_a_1_is_good, one_bit_anywhere_makes_it_bad,
          the_header_is_judged_although_the_signature_is_good, bombs_are_refused)
