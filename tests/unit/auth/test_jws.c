/* JSON Web Signatures: the RFC's own example, and everything that must not pass. */

#include "auth/jws.h"

#include "auth/base64url.h"
#include "unit/guard.h"

#include <openssl/hmac.h>
#include <stdio.h>

#define SECRET "0123456789abcdef0123456789abcdef"

static struct arena arena;
static struct slice payload;
static char made[40000];

/* A token with this header and payload, signed with SECRET. */
static struct slice
make_token(struct slice header, struct slice claims)
{
    unsigned char mac[32];
    unsigned len = sizeof mac;
    size_t n = base64url_encode(header, made);
    made[n++] = '.';
    n += base64url_encode(claims, made + n);
    HMAC(EVP_sha256(), SECRET, sizeof SECRET - 1, (unsigned char *)made, n, mac, &len);
    made[n++] = '.';
    n += base64url_encode(SLICE_OF((char *)mac, len), made + n);
    return SLICE_OF(made, n);
}

static enum token_fault
verify(struct slice token)
{
    struct key *key = key_new_hmac("HS256", SLICE(SECRET), NULL);
    arena_fini(&arena);
    arena_init(&arena, 1 << 20);
    enum token_fault fault = jws_verify(key, guard_copy(token), &arena, &payload);
    key_free(&key);
    return fault;
}

START_TEST(the_example_of_rfc_7515_appendix_a_1_is_good)
{
    struct slice secret;
    struct error err = {""};
    arena_init(&arena, 1 << 20);
    ck_assert_int_eq(base64url_decode(&arena,
                                      SLICE("AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-"
                                            "1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"),
                                      &secret),
                     PARSE_OK);
    struct key *key = key_new_hmac("HS256", secret, &err);
    ck_assert_ptr_nonnull(key);
    struct slice token = SLICE("eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9."
                               "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFt"
                               "cGxlLmNvbS9pc19yb290Ijp0cnVlfQ."
                               "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
    ck_assert_int_eq(jws_verify(key, guard_copy(token), &arena, &payload), TOKEN_OK);
    ck_assert(slice_starts(payload, SLICE("{\"iss\":\"joe\",")));
    key_free(&key);
}
END_TEST

START_TEST(one_bit_anywhere_makes_it_bad)
{
    char copy[400];
    struct slice good = make_token(SLICE("{\"alg\":\"HS256\"}"), SLICE("{\"a\":1}"));
    size_t len = good.len;
    memcpy(copy, good.ptr, len);
    ck_assert_int_eq(verify(SLICE_OF(copy, len)), TOKEN_OK);
    ck_assert(slice_eq(payload, SLICE("{\"a\":1}")));
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
    {SLICE_INIT("{\"alg\":\"none\"}"), TOKEN_BAD_ALG},
    {SLICE_INIT("{\"alg\":\"hs256\"}"), TOKEN_BAD_ALG},
    {SLICE_INIT("{\"alg\":\"HS384\"}"), TOKEN_BAD_ALG},
    {SLICE_INIT("{\"alg\":\"RS256\"}"), TOKEN_BAD_ALG},
    {SLICE_INIT("{\"alg\":\"HS256\\u0000\"}"), TOKEN_BAD_HEADER},
    {SLICE_INIT("{\"alg\":256}"), TOKEN_BAD_HEADER},
    {SLICE_INIT("{}"), TOKEN_BAD_HEADER},
    {SLICE_INIT("[]"), TOKEN_BAD_HEADER},
    {SLICE_INIT("{\"alg\":\"HS256\",\"alg\":\"HS256\"}"), TOKEN_BAD_HEADER},
    {SLICE_INIT("{\"alg\":\"HS256\"} x"), TOKEN_BAD_HEADER},
    {SLICE_INIT("{\"alg\":\"HS256\",\"crit\":[\"exp\"]}"), TOKEN_CRIT},
    {SLICE_INIT("{\"alg\":\"HS256\",\"typ\":\"at+jwt\"}"), TOKEN_BAD_TYP},
    {SLICE_INIT("{\"alg\":\"HS256\",\"typ\":\"application/AT+JWT\"}"), TOKEN_BAD_TYP},
};

START_TEST(the_header_is_judged_although_the_signature_is_good)
{
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
        enum token_fault fault = verify(make_token(headers[i].header, SLICE("{}")));
        ck_assert_msg(fault == headers[i].fault, "row %zu: %s", i, token_fault_name(fault));
    }
}
END_TEST

START_TEST(bombs_are_refused)
{
    char deep[4000];
    size_t n = (size_t)snprintf(deep, sizeof deep, "{\"alg\":\"HS256\",\"x\":");
    memset(deep + n, '[', 3000);
    ck_assert_int_eq(verify(make_token(SLICE_OF(deep, n + 3000), SLICE("{}"))), TOKEN_BAD_HEADER);
    memset(deep, 'A', sizeof deep);
    memset(made, 'A', TOKEN_MAX + 1);
    ck_assert_int_eq(verify(SLICE_OF(made, TOKEN_MAX + 1)), TOKEN_TOO_LARGE);
}
END_TEST

UNIT_MAIN("auth/jws", the_example_of_rfc_7515_appendix_a_1_is_good, one_bit_anywhere_makes_it_bad,
          the_header_is_judged_although_the_signature_is_good, bombs_are_refused)
