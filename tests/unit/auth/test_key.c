/* Keys: what is taken, what is refused and with which words, and what each algorithm verifies. */

#include "auth/key_text.h"

#include "auth/base64url.h"
#include "auth/jwk.h"
#include "auth/key_set.h"
#include "base/arena.h"
#include "base/buf.h"
#include "cli/token_sign.h"
#include "unit/guard.h"

#include <jwt.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdlib.h>
#include <string.h>

#define SECRET "0123456789abcdef0123456789abcdef"

static struct error err;

static struct key *
read_key(struct slice text, const char *alg)
{
    err.text[0] = 0;
    return key_read(guard_copy(text), slice_of(alg), KEY_MUST_NAME, &err);
}

static struct slice
pem_of(EVP_PKEY *pair, bool is_private)
{
    static char made[8192];
    char *at;
    BIO *out = BIO_new(BIO_s_mem());
    if (is_private)
        PEM_write_bio_PrivateKey(out, pair, NULL, NULL, 0, NULL, NULL);
    else
        PEM_write_bio_PUBKEY(out, pair);
    long len = BIO_get_mem_data(out, &at);
    memcpy(made, at, (size_t)len);
    BIO_free(out);
    return SLICE_OF(made, (size_t)len);
}

static EVP_PKEY *
make_pair(enum key_kind kind)
{
    switch (kind) {
    case KEY_RSA:
        return EVP_RSA_gen(2048);
    case KEY_P256:
        return EVP_EC_gen("P-256");
    case KEY_P384:
        return EVP_EC_gen("P-384");
    case KEY_P521:
        return EVP_EC_gen("P-521");
    case KEY_ED25519:
        return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    case KEY_SECRET:
        break;
    }
    return NULL;
}

static const char *const names[] = {"HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256",
                                    "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"};

START_TEST(each_algorithm_verifies_what_it_signed_and_nothing_else)
{
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        const struct algorithm *a = algorithm_find(slice_of(names[i]));
        char private[8192] = SECRET SECRET;
        EVP_PKEY *pair = make_pair(a->kind);
        struct buf token, bytes;
        if (pair) {
            struct slice pem = pem_of(pair, true);
            memcpy(private, pem.ptr, pem.len + 1);
            private[pem.len] = 0;
        }
        struct key *k = read_key(pair ? pem_of(pair, false) : slice_of(private), names[i]);
        ck_assert_msg(k != NULL, "%s: %s", names[i], err.text);
        ck_assert_ptr_eq(key_algorithm(k), a);
        buf_init(&token, 65536);
        buf_init(&bytes, 65536);
        ck_assert_msg(token_sign(a, slice_of(private), "at+jwt", "{\"a\":1}", &token, &err), "%s",
                      err.text);
        struct slice text = buf_slice(&token), input, signature;
        size_t last = text.len;
        while (text.ptr[--last] != '.')
            ;
        struct arena arena;
        arena_init(&arena, 65536);
        input = slice_head(text, last);
        ck_assert_int_eq(base64url_decode(&arena, slice_from(text, last + 1), &signature),
                         PARSE_OK);
        ck_assert(key_verify(k, a, input, signature));
        for (size_t at = 0; at < signature.len; at += 7) {
            ((char *)signature.ptr)[at] ^= 4;
            ck_assert(!key_verify(k, a, input, signature));
            ((char *)signature.ptr)[at] ^= 4;
        }
        ck_assert(!key_verify(k, a, slice_head(input, input.len - 1), signature));
        for (size_t len = 0; len < signature.len; len++)
            ck_assert(!key_verify(k, a, input, slice_head(signature, len)));
        for (size_t other = 0; other < COUNT_OF(names); other++)
            ck_assert_int_eq(
                key_verify(k, algorithm_find(slice_of(names[other])), input, signature),
                other == i);
        arena_fini(&arena);
        buf_fini(&token);
        buf_fini(&bytes);
        EVP_PKEY_free(pair);
        key_free(&k);
    }
}
END_TEST

/* libjwt as a second opinion of what `alipes token` signs, and of HS, RS and ES at all. */
START_TEST(libjwt_takes_what_is_signed_here)
{
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        const struct algorithm *a = algorithm_find(slice_of(names[i]));
        if (a->form == FORM_PSS || a->form == FORM_EDDSA)
            continue;
        EVP_PKEY *pair = make_pair(a->kind);
        struct buf token;
        jwt_t *jwt = NULL;
        buf_init(&token, 65536);
        struct slice private = pair ? pem_of(pair, true) : SLICE(SECRET SECRET);
        ck_assert(token_sign(a, private, "JWT", "{\"a\":1}", &token, &err));
        buf_add_byte(&token, 0);
        struct slice public = pair ? pem_of(pair, false) : private;
        ck_assert_int_eq(
            jwt_decode(&jwt, token.ptr, (const unsigned char *)public.ptr, (int)public.len), 0);
        ck_assert_int_eq(jwt_get_grant_int(jwt, "a"), 1);
        jwt_free(jwt);
        buf_fini(&token);
        EVP_PKEY_free(pair);
    }
}
END_TEST

static void
check_refused(struct slice text, const char *alg, const char *words)
{
    struct key *k = read_key(text, alg);
    ck_assert_msg(k == NULL, "%s was taken", words);
    ck_assert_msg(strstr(err.text, words) != NULL, "%s: %s", words, err.text);
}

START_TEST(a_key_that_does_not_fit_its_algorithm_is_refused)
{
    EVP_PKEY *rsa = make_pair(KEY_RSA), *ec = make_pair(KEY_P256), *ed = make_pair(KEY_ED25519);
    check_refused(pem_of(rsa, false), "",
                  "must name its algorithm: this is an RSA key, so for "
                  "example RS256");
    check_refused(pem_of(ec, false), "", "for example ES256");
    check_refused(pem_of(ed, false), "", "for example EdDSA");
    check_refused(pem_of(rsa, false), "HS256", "HS256 signs with a shared secret");
    check_refused(pem_of(rsa, false), "ES256", "ES256 needs a P-256 key, and this is an RSA key");
    check_refused(pem_of(ec, false), "ES384", "ES384 needs a P-384 key, and this is a P-256 key");
    check_refused(pem_of(ec, false), "EdDSA", "EdDSA needs an Ed25519 key");
    check_refused(SLICE(SECRET), "RS256", "RS256 needs an RSA key as PEM or JWK");
    check_refused(SLICE(SECRET), "hs256", "the algorithm hs256 is not known");
    check_refused(SLICE(SECRET), "none", "the algorithm none is not known");
    check_refused(SLICE(""), "HS256", "the key is empty");
    check_refused(SLICE("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"), "RS256",
                  "cannot be read");
    check_refused(SLICE("{\"kty\":\"oct\"}"), "", "no k");
    check_refused(SLICE("{\"kty\":\"oct\",\"k\":\"AA==\"}"), "", "not base64url");
    check_refused(SLICE("{\"kty\":\"oct\",\"k\":\"AAAA\"}"), "RS256",
                  "RS256 needs an RSA key, and this JWK is a secret");
    check_refused(SLICE("{\"kty\":\"oct\",\"k\":\"AAAA\",\"alg\":\"HS512\"}"), "HS256",
                  "the JWK is for HS512, not for HS256");
    check_refused(SLICE("{\"kty\":\"oct\",\"k\":\"AAAA\",\"use\":\"enc\"}"), "", "use is not sig");
    check_refused(SLICE("{\"kty\":\"oct\",\"k\":\"AAAA\",\"key_ops\":[\"wrapKey\"]}"), "",
                  "key_ops");
    check_refused(SLICE("{\"kty\":\"oct\",\"k\":\"AAAA\",\"k\":\"BBBB\"}"), "", "no JSON");
    check_refused(SLICE("{\"keys\":[]}"), "", "JWK set");
    check_refused(SLICE("{\"kty\":\"EC\",\"crv\":\"secp256k1\"}"), "ES256", "crv is not one of");
    check_refused(SLICE("{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"AAAA\"}"), "EdDSA",
                  "not Ed25519");
    check_refused(SLICE("{\"kty\":\"x\"}"), "", "kty is not one of");
    EVP_PKEY_free(rsa);
    EVP_PKEY_free(ec);
    EVP_PKEY_free(ed);
}
END_TEST

START_TEST(where_it_may_be_chosen_the_kind_of_key_chooses)
{
    const struct {
        enum key_kind kind;
        const char *name;
    } rows[] = {{KEY_RSA, "RS256"},
                {KEY_P256, "ES256"},
                {KEY_P384, "ES384"},
                {KEY_P521, "ES512"},
                {KEY_ED25519, "EdDSA"}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        EVP_PKEY *pair = make_pair(rows[i].kind);
        struct key *k = key_read(pem_of(pair, false), SLICE(""), KEY_MAY_CHOOSE, &err);
        ck_assert_ptr_nonnull(k);
        ck_assert_str_eq(key_algorithm(k)->name, rows[i].name);
        key_free(&k);
        EVP_PKEY_free(pair);
    }
}
END_TEST

START_TEST(line_ends_may_be_written_out_and_a_private_key_is_warned_of)
{
    EVP_PKEY *pair = make_pair(KEY_P256);
    struct slice pem = pem_of(pair, true);
    struct buf one_line;
    struct error warning;
    buf_init(&one_line, 65536);
    for (size_t i = 0; i < pem.len; i++)
        buf_add(&one_line, pem.ptr[i] == '\n' ? SLICE("\\n") : SLICE_OF(pem.ptr + i, 1));
    struct key *private = read_key(buf_slice(&one_line), "ES256");
    ck_assert_msg(private != NULL, "%s", err.text);
    struct key *public = read_key(pem_of(pair, false), "ES256");
    ck_assert_mem_eq(key_mark(private), key_mark(public), KEY_MARK_LEN);
    ck_assert(key_warning(private, true, &warning));
    ck_assert_ptr_nonnull(strstr(warning.text, "private key"));
    ck_assert(!key_warning(public, false, &warning));
    key_free(&private);
    key_free(&public);
    buf_fini(&one_line);
    EVP_PKEY_free(pair);
}
END_TEST

START_TEST(weak_rsa_keys_are_refused)
{
    EVP_PKEY *weak = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)1024);
    check_refused(pem_of(weak, false), "RS256", "1024 bits is too weak");
    EVP_PKEY_free(weak);
}
END_TEST

START_TEST(other_curves_are_refused)
{
    EVP_PKEY *pair = EVP_EC_gen("secp256k1");
    check_refused(pem_of(pair, false), "ES256", "the curve secp256k1");
    EVP_PKEY_free(pair);
}
END_TEST

START_TEST(a_public_key_is_no_secret_in_any_dress)
{
    EVP_PKEY *pair = make_pair(KEY_RSA);
    unsigned char *der = NULL;
    int len = i2d_PUBKEY(pair, &der);
    static char base64[4096];
    int base64_len = EVP_EncodeBlock((unsigned char *)base64, der, len);
    check_refused(SLICE_OF((char *)der, (size_t)len), "HS256", "a public key is no secret");
    check_refused(SLICE_OF(base64, (size_t)base64_len), "HS256", "a public key is no secret");
    check_refused(SLICE("ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABgQC7"), "HS256",
                  "a public key is no secret");
    check_refused(SLICE(" -----BEGIN PUBLIC KEY-----"), "HS256", "HS256 signs with a shared");
    OPENSSL_free(der);
    EVP_PKEY_free(pair);
}
END_TEST

START_TEST(weak_and_well_known_secrets_are_named)
{
    const struct {
        struct slice text;
        const char *alg, *words; /* NULL: nothing is said */
    } rows[] = {
        {SLICE("!ChangeThisMercureHubJWTSecretKey!"), "HS256",
         "well-known example (!ChangeThisMercureHubJWTSecretKey!)"},
        {SLICE("!changethismercurehubjwtsecretkey!"), "HS256", "well-known example"},
        {SLICE("changeme"), "HS256", "changeme"},
        {SLICE("your-256-bit-secret"), "HS256", "your-256-bit-secret"},
        {SLICE("your-publisher-key-with-32-bytes-or-more"), "HS256", "well-known"},
        {SLICE("0123456789abcdef0123456789abcde"), "HS256", "shorter than 32 bytes"},
        {SLICE(SECRET), "HS256", NULL},
        {SLICE(SECRET), "HS512", "shorter than 64 bytes, too short for HS512"},
        {SLICE("secretly-long-enough-to-be-a-secret"), "HS256", NULL},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct error said = {""};
        struct key *k = read_key(rows[i].text, rows[i].alg);
        ck_assert_ptr_nonnull(k);
        ck_assert_int_eq(key_warning(k, false, &said), rows[i].words != NULL);
        ck_assert_msg(rows[i].words == NULL || strstr(said.text, rows[i].words), "%s", said.text);
        key_free(&k);
    }
}
END_TEST

START_TEST(the_keys_of_rfc_7517_and_8037_are_read)
{
    struct key *k = jwk_read(
        SLICE(
            "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":"
            "\"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4\","
            "\"y\":\"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM\",\"use\":\"sig\",\"kid\":\"1\"}"),
        &err);
    ck_assert_msg(k != NULL, "%s", err.text);
    ck_assert(key_kind_of(k) == KEY_P256 && slice_eq(key_kid(k), SLICE("1")));
    key_free(&k);
    k = jwk_read(SLICE("{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":"
                       "\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}"),
                 &err);
    ck_assert_msg(k != NULL, "%s", err.text);
    ck_assert_int_eq(key_kind_of(k), KEY_ED25519);
    key_free(&k);
    ck_assert_ptr_null(jwk_read(SLICE("{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":"
                                      "\"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4\","
                                      "\"y\":\"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyA\"}"),
                                &err));
    ck_assert_ptr_nonnull(strstr(err.text, "no point of P-256"));
}
END_TEST

#define OCT(kid, k) "{\"kty\":\"oct\",\"kid\":\"" kid "\",\"k\":\"" k "\"}"

START_TEST(a_set_passes_over_what_it_cannot_use)
{
    struct key_set *set =
        jwk_set_read(SLICE("{\"x\":1,\"keys\":[{\"kty\":\"future\"}," OCT(
                         "a", "AAAA") ",{\"kty\":\"oct\",\"k\":\"AA\","
                                      "\"use\":\"enc\"},7," OCT("b", "AAAB") "]}"),
                     &err);
    ck_assert_msg(set != NULL, "%s", err.text);
    ck_assert_uint_eq(set->count, 2);
    ck_assert_uint_eq(set->ignored, 3);
    key_set_unref(&set);
    static const char *const bad[] = {"",
                                      "[]",
                                      "{}",
                                      "{\"keys\":{}}",
                                      "{\"keys\":[],\"keys\":[]}",
                                      "{\"keys\":[" OCT("a", "AAAA") "]} x"};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        err.text[0] = 0;
        ck_assert_ptr_null(jwk_set_read(guard_copy(slice_of(bad[i])), &err));
        ck_assert(err.text[0]);
    }
}
END_TEST

START_TEST(a_set_without_a_usable_key_is_a_set_too)
{
    static const char *const sets[] = {"{\"keys\":[]}", "{\"keys\":[{\"kty\":\"x\"}]}"};
    static const char *const why[] = {"it is empty", "kty is not one of"};
    for (size_t i = 0; i < COUNT_OF(sets); i++) {
        struct key_set *set = jwk_set_read(guard_copy(slice_of(sets[i])), &err);
        ck_assert_ptr_nonnull(set);
        ck_assert_uint_eq(set->count, 0);
        ck_assert_uint_eq(set->ignored, i);
        ck_assert_ptr_nonnull(strstr(err.text, why[i]));
        key_set_unref(&set);
    }
}
END_TEST

START_TEST(a_source_has_so_many_places_and_no_more)
{
    struct key_source *source = key_source_new("https://x/jwks");
    ck_assert(key_source_take_place(source, 2));
    ck_assert(key_source_take_place(source, 2));
    ck_assert(!key_source_take_place(source, 2));
    ck_assert(key_source_take_place(source, 3));
    key_source_leave_place(source);
    key_source_leave_place(source);
    ck_assert(key_source_take_place(source, 2));
    ck_assert(!key_source_take_place(source, 0));
    key_source_unref(&source);
}
END_TEST

START_TEST(a_source_tells_when_its_keys_change)
{
    struct key_source *source = key_source_new("https://x/jwks");
    uint64_t version = 9, before = auth_generation();
    ck_assert_ptr_null(key_source_current(source, &version));
    ck_assert_uint_eq(version, 0);
    key_source_replace(source, jwk_set_read(SLICE("{\"keys\":[" OCT("a", "AAAA") "]}"), &err));
    ck_assert_uint_gt(auth_generation(), before);
    before = auth_generation();
    key_source_replace(source, jwk_set_read(SLICE("{\"keys\":[" OCT("a", "AAAA") "]}"), &err));
    ck_assert_uint_eq(auth_generation(), before);
    struct key_set *old = key_source_current(source, &version);
    ck_assert_uint_eq(version, 2);
    key_source_replace(source, jwk_set_read(SLICE("{\"keys\":[" OCT("b", "AAAA") "]}"), &err));
    ck_assert_uint_gt(auth_generation(), before);
    ck_assert(slice_eq(key_kid(old->keys[0]), SLICE("a")));
    key_set_unref(&old);
    key_source_unref(&source);
}
END_TEST

UNIT_MAIN("auth/key", each_algorithm_verifies_what_it_signed_and_nothing_else,
          libjwt_takes_what_is_signed_here, a_key_that_does_not_fit_its_algorithm_is_refused,
          where_it_may_be_chosen_the_kind_of_key_chooses,
          line_ends_may_be_written_out_and_a_private_key_is_warned_of, weak_rsa_keys_are_refused,
          other_curves_are_refused, a_public_key_is_no_secret_in_any_dress,
          weak_and_well_known_secrets_are_named, the_keys_of_rfc_7517_and_8037_are_read,
          a_set_passes_over_what_it_cannot_use, a_set_without_a_usable_key_is_a_set_too,
          a_source_has_so_many_places_and_no_more, a_source_tells_when_its_keys_change)
