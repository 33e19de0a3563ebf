/* Whose key is asked: by dialect, issuer, role and kid; and what a reload keeps. */

#include "auth/authority.h"

#include "auth/jwk.h"
#include "unit/auth/mint.h"
#include "unit/guard.h"

static const uint64_t now_ms = 1700000000000;
static struct token_refusal refusal;
static struct error err;

static const struct authority_limits limits = {.rights = {1000, 100}};

#define CLAIMS(iss)                                                                                \
    "{\"iss\":\"" iss "\",\"exp\":1.8e9,\"aud\":\"" MINT_AUDIENCE "\",\"mercure\":{\"publish\":"   \
    "[\"*\"]}}"

static enum token_fault
ask(struct authority *a, enum role role, struct slice token, struct grant **g)
{
    *g = NULL;
    return authority_verify(a, role, guard_copy(token), SLICE(MINT_AUDIENCE), SLICE(MINT_AUDIENCE),
                            now_ms, g, &refusal);
}

static void
add(struct authority *a, const char *issuer, enum role role, struct slice secret)
{
    ck_assert(authority_add_key(a, issuer, role, secret, SLICE(""), KEY_MUST_NAME, NULL, &err));
}

START_TEST(the_typ_alone_chooses_the_dialect)
{
    struct authority *a = mint_authority();
    struct grant *g;
    struct slice claims = SLICE(CLAIMS("https://issuer.example"));
    ck_assert_int_eq(ask(a, ROLE_PUBLISH, mint(SLICE("{\"alg\":\"HS256\"}"), claims), &g),
                     TOKEN_OK);
    ck_assert_int_eq(g->dialect, DIALECT_0X);
    ck_assert(rights_has(g->rights, ROLE_PUBLISH));
    grant_unref(&g);
    ck_assert_int_eq(
        ask(a, ROLE_PUBLISH, mint(SLICE("{\"alg\":\"HS256\",\"typ\":\"at+jwt\"}"), claims), &g),
        TOKEN_OK);
    ck_assert_int_eq(g->dialect, DIALECT_1_0);
    ck_assert(!rights_has(g->rights, ROLE_PUBLISH));
    ck_assert_str_eq(g->issuer, "https://issuer.example");
    grant_unref(&g);
    authority_free(&a);
}
END_TEST

START_TEST(the_dialect_of_a_refusal_follows_the_typ)
{
    struct authority *both = mint_authority(), *old = authority_new(&limits),
                     *new = authority_new(&limits);
    struct slice typed = mint(SLICE("{\"alg\":\"HS256\",\"typ\":\"JWT\"}"), SLICE("{}"));
    char copy[200];
    memcpy(copy, typed.ptr, typed.len);
    typed.ptr = copy;
    struct slice untyped = mint(SLICE("{\"alg\":\"HS256\"}"), SLICE("{}"));
    add(old, NULL, ROLE_PUBLISH, SLICE(MINT_SECRET));
    add(new, "x", ROLE_PUBLISH, SLICE(MINT_SECRET));
    ck_assert_int_eq(authority_reply_dialect(both, typed), DIALECT_0X);
    ck_assert_int_eq(authority_reply_dialect(both, untyped), DIALECT_1_0);
    ck_assert_int_eq(authority_reply_dialect(both, SLICE("")), DIALECT_1_0);
    ck_assert_int_eq(authority_reply_dialect(both, SLICE("x.y.z")), DIALECT_1_0);
    ck_assert_int_eq(authority_reply_dialect(old, SLICE("x.y.z")), DIALECT_0X);
    ck_assert_int_eq(authority_reply_dialect(new, typed), DIALECT_1_0);
    authority_free(&both);
    authority_free(&old);
    authority_free(&new);
}
END_TEST

START_TEST(a_role_has_one_key_and_an_issuer_one_place)
{
    struct authority *a = authority_new(&limits);
    add(a, "x", ROLE_PUBLISH, SLICE(MINT_SECRET));
    ck_assert(!authority_add_key(a, "x", ROLE_PUBLISH, SLICE(MINT_SECRET), SLICE(""), KEY_MUST_NAME,
                                 NULL, &err));
    ck_assert_ptr_nonnull(strstr(err.text, "already"));
    ck_assert(!authority_add_issuer(a, "x", &err));
    ck_assert(authority_add_issuer(a, "y", &err));
    ck_assert(!authority_judges(a, DIALECT_0X) && authority_judges(a, DIALECT_1_0));
    authority_free(&a);
}
END_TEST

START_TEST(leeway_moves_both_ends)
{
    const struct authority_limits patient = {.leeway_ms = 5000, .rights = {1000, 100}};
    struct authority *a = authority_new(&patient);
    struct grant *g;
    struct slice header = SLICE("{\"alg\":\"HS256\"}");
    add(a, NULL, ROLE_PUBLISH, SLICE(MINT_SECRET));
    ck_assert_int_eq(ask(a, ROLE_PUBLISH, mint(header, SLICE("{\"exp\":1699999996}")), &g),
                     TOKEN_OK);
    ck_assert(g->exp == 1700000001);
    grant_unref(&g);
    ck_assert_int_eq(ask(a, ROLE_PUBLISH, mint(header, SLICE("{\"exp\":1699999995}")), &g),
                     TOKEN_EXPIRED);
    ck_assert_int_eq(ask(a, ROLE_PUBLISH, mint(header, SLICE("{\"nbf\":1700000005}")), &g),
                     TOKEN_OK);
    grant_unref(&g);
    ck_assert_int_eq(ask(a, ROLE_PUBLISH, mint(header, SLICE("{\"nbf\":1700000006}")), &g),
                     TOKEN_NOT_YET_VALID);
    authority_free(&a);
}
END_TEST

/* MINT_SECRET is MDEy…; as a JWK with a kid. */
#define SET_WITH(kid)                                                                              \
    "{\"keys\":[{\"kty\":\"oct\",\"kid\":\"" kid                                                   \
    "\",\"k\":\"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY\"}]}"

START_TEST(a_source_is_asked_as_it_is_now)
{
    struct authority *a = authority_new(&limits);
    struct key_source *source = key_source_new("https://x/jwks");
    struct slice hs = SLICE("HS256");
    struct grant *g, *kept;
    ck_assert(authority_add_source(a, NULL, ROLE_PUBLISH, source, &hs, 1, &err));
    struct slice token = mint(SLICE("{\"alg\":\"HS256\",\"kid\":\"one\"}"), SLICE("{}"));
    ck_assert_int_eq(ask(a, ROLE_PUBLISH, token, &g), TOKEN_NO_KEYS_YET);
    ck_assert_ptr_eq(refusal.source, source);
    ck_assert_uint_eq(refusal.source_version, 0);
    key_source_replace(source, jwk_set_read(SLICE(SET_WITH("two")), &err));
    ck_assert_int_eq(ask(a, ROLE_PUBLISH, token, &g), TOKEN_UNKNOWN_KID);
    ck_assert_ptr_eq(refusal.source, source);
    ck_assert_uint_eq(refusal.source_version, 1);
    ck_assert_str_eq(refusal.kid, "one");
    key_source_replace(source, jwk_set_read(SLICE(SET_WITH("one")), &err));
    ck_assert_int_eq(ask(a, ROLE_PUBLISH, token, &kept), TOKEN_OK);
    ck_assert(authority_keeps(a, kept));
    key_source_replace(source,
                       jwk_set_read(SLICE("{\"keys\":[{\"kty\":\"oct\",\"k\":\"AAAA\"}]}"), &err));
    ck_assert(!authority_keeps(a, kept));
    ck_assert_int_eq(ask(a, ROLE_PUBLISH, token, &g), TOKEN_BAD_SIGNATURE);
    ck_assert_ptr_null(refusal.source);
    key_source_replace(source, key_set_new());
    ck_assert(!authority_keeps(a, kept));
    ck_assert_int_eq(ask(a, ROLE_PUBLISH, token, &g), TOKEN_UNKNOWN_KID);
    grant_unref(&kept);
    key_source_unref(&source);
    authority_free(&a);
}
END_TEST

START_TEST(a_set_that_is_too_old_vouches_for_nobody_and_calls_nobody_bad)
{
    struct authority *a = authority_new(&limits);
    struct key_source *source = key_source_new("https://x/jwks");
    struct slice hs = SLICE("HS256");
    struct slice token = mint(SLICE("{\"alg\":\"HS256\",\"kid\":\"one\"}"), SLICE("{}"));
    struct grant *g, *before;
    ck_assert(authority_add_source(a, NULL, ROLE_PUBLISH, source, &hs, 1, &err));
    key_source_replace(source, jwk_set_read(SLICE(SET_WITH("one")), &err));
    ck_assert_int_eq(ask(a, ROLE_PUBLISH, token, &before), TOKEN_OK);
    uint64_t generation = auth_generation();
    struct key_set *none = key_set_new();
    none->is_too_old = true;
    key_source_replace(source, none);
    ck_assert_uint_gt(auth_generation(), generation);
    ck_assert_int_eq(ask(a, ROLE_PUBLISH, token, &g), TOKEN_NO_KEYS_YET);
    ck_assert_ptr_eq(refusal.source, source);
    ck_assert(!authority_keeps(a, before));
    grant_unref(&before);
    key_source_unref(&source);
    authority_free(&a);
}
END_TEST

START_TEST(a_reload_keeps_what_its_key_still_vouches_for)
{
    struct authority *a = mint_authority(), *same = mint_authority(),
                     *other = authority_new(&limits), *none = authority_new(&limits);
    struct grant *old, *new;
    struct slice secret = SLICE("another-key-another-key-another!");
    add(other, NULL, ROLE_PUBLISH, secret);
    add(other, "https://issuer.example", ROLE_PUBLISH, SLICE(MINT_SECRET));
    ck_assert_int_eq(ask(a, ROLE_PUBLISH, mint(SLICE("{\"alg\":\"HS256\"}"), SLICE("{}")), &old),
                     TOKEN_OK);
    ck_assert_int_eq(ask(a, ROLE_PUBLISH,
                         mint(SLICE("{\"alg\":\"HS256\",\"typ\":\"at+jwt\"}"),
                              SLICE(CLAIMS("https://issuer.example"))),
                         &new),
                     TOKEN_OK);
    ck_assert(authority_keeps(a, old) && authority_keeps(same, old));
    ck_assert(!authority_keeps(other, old) && !authority_keeps(none, old));
    ck_assert(authority_keeps(same, new) && authority_keeps(other, new));
    ck_assert(!authority_keeps(none, new));
    new->role = ROLE_SUBSCRIBE;
    ck_assert(!authority_keeps(other, new));
    grant_unref(&old);
    grant_unref(&new);
    authority_free(&a);
    authority_free(&same);
    authority_free(&other);
    authority_free(&none);
}
END_TEST

START_TEST(what_is_unwise_or_chosen_is_said)
{
    const struct authority_limits near = {.rights = {1000, 100}, .loopback_only = true};
    struct slice jwk = SLICE("{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":"
                             "\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}");
    struct slice example = SLICE("!ChangeThisMercureHubJWTSecretKey!");
    struct authority *far = authority_new(&limits), *here = authority_new(&near);
    struct error note;
    ck_assert(
        authority_add_key(far, NULL, ROLE_PUBLISH, jwk, SLICE(""), KEY_MAY_CHOOSE, &note, &err));
    ck_assert_ptr_nonnull(strstr(note.text, "so it is EdDSA"));
    ck_assert(authority_add_key(far, NULL, ROLE_SUBSCRIBE, example, SLICE(""), KEY_MUST_NAME, &note,
                                &err));
    ck_assert_ptr_nonnull(strstr(note.text, "well-known example"));
    ck_assert(authority_add_key(here, NULL, ROLE_SUBSCRIBE, example, SLICE(""), KEY_MUST_NAME,
                                &note, &err));
    ck_assert_str_eq(note.text, "");
    ck_assert(authority_add_key(here, NULL, ROLE_PUBLISH, SLICE(MINT_SECRET), SLICE(""),
                                KEY_MUST_NAME, &note, &err));
    ck_assert_str_eq(note.text, "");
    authority_free(&far);
    authority_free(&here);
}
END_TEST

UNIT_MAIN("auth/authority", the_typ_alone_chooses_the_dialect,
          the_dialect_of_a_refusal_follows_the_typ, a_role_has_one_key_and_an_issuer_one_place,
          leeway_moves_both_ends, a_source_is_asked_as_it_is_now,
          a_set_that_is_too_old_vouches_for_nobody_and_calls_nobody_bad,
          a_reload_keeps_what_its_key_still_vouches_for, what_is_unwise_or_chosen_is_said)
