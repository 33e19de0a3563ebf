/* key - what verifies, and what it refuses to be.
 *
 * A key has one kind, and an algorithm fits one kind: the classic mistakes (a public key taken as
 * a shared secret, `none`, the token's own choice) have no place to happen. Of a pair only the
 * public half is kept. How a key is written down is not known here: auth/key_text.h. */

#include "auth/key.h"

#include "auth/pem.h"
#include "base/alloc.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum {
    RSA_LEAST_BITS = 2048,
    RSA_MOST_BITS = 8192, /* a verification grows with its square */
    MAC_FORMS = 3,        /* HS256, HS384, HS512: the first rows of the table */
    SHORTEST_ORDINARY = 32,
};

struct key {
    enum key_kind kind;
    const struct algorithm *algorithm; /* NULL: any that fits */
    unsigned char mark[KEY_MARK_LEN];
    char *kid; /* owns; NULL: none */
    size_t kid_len;
    EVP_PKEY *pair;                /* owns; its public half */
    EVP_MAC_CTX *keyed[MAC_FORMS]; /* templates: each verification works on a copy */
    size_t secret_len;
    const char *example; /* the well-known secret that it is */
    bool was_private;
};

/* --- construction ---------------------------------------------------------------------------- */

static unsigned char mark_salt[32];

static void
draw_mark_salt(void)
{
    /* OpenSSL's generator would bring every cipher it has into memory: 150 KiB. */
    ENSURE(getrandom(mark_salt, sizeof mark_salt, 0) == (ssize_t)sizeof mark_salt);
}

static void
set_mark(struct key *k, const unsigned char *bytes, size_t len)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned char kind = (unsigned char)k->kind;
    pthread_once(&once, draw_mark_salt);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    ENSURE(ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1 &&
           EVP_DigestUpdate(ctx, mark_salt, sizeof mark_salt) == 1 &&
           EVP_DigestUpdate(ctx, &kind, 1) == 1 && EVP_DigestUpdate(ctx, bytes, len) == 1 &&
           EVP_DigestFinal_ex(ctx, digest, NULL) == 1);
    EVP_MD_CTX_free(ctx);
    memcpy(k->mark, digest, KEY_MARK_LEN);
}

static EVP_MAC_CTX *
new_mac(const struct algorithm *a, struct slice secret)
{
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)a->digest, 0),
        OSSL_PARAM_construct_end(),
    };
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_MAC_CTX *ctx = mac ? EVP_MAC_CTX_new(mac) : NULL;
    EVP_MAC_free(mac);
    if (ctx && EVP_MAC_init(ctx, (const unsigned char *)secret.ptr, secret.len, params) != 1) {
        EVP_MAC_CTX_free(ctx);
        ctx = NULL;
    }
    return ctx;
}

/* Secrets that stand in everybody's documentation. */
static const struct {
    const char *text;
    bool is_whole; /* else: what begins with it */
} examples[] = {
    {"!ChangeThisMercureHubJWTSecretKey!", true},
    {"!ChangeThis", false},
    {"!ChangeMe", false},
    {"changeme", false},
    {"change-me", false},
    {"your-256-bit-secret", true},
    {"your-", false},
    {"a-string-secret-at-least-256-bits-long", true},
    {"aVerySecretKey", true},
    {"secret", true},
};

static const char *
find_example(struct slice secret)
{
    for (size_t i = 0; i < COUNT_OF(examples); i++) {
        struct slice example = slice_of(examples[i].text);
        if (slice_eq_nocase(examples[i].is_whole ? secret : slice_head(secret, example.len),
                            example))
            return examples[i].text;
    }
    return NULL;
}

struct key *
key_new_secret(struct slice secret, const struct algorithm *algorithm, struct error *err)
{
    if (secret.len == 0) {
        error_set(err, "the key is empty");
        return NULL;
    }
    bool is_public = pem_is(secret) || pem_is_disguised(secret);
    if (algorithm && algorithm->kind != KEY_SECRET) {
        error_set(err,
                  is_public
                      ? "%s needs %s as PEM or JWK, and this is a public key in another form: "
                        "without the lines -----BEGIN …----- and -----END …-----, or OpenSSH's"
                      : "%s needs %s as PEM or JWK, and this is a secret",
                  algorithm->name, key_kind_name(algorithm->kind));
        return NULL;
    }
    if (is_public) {
        error_set(err, "a public key is no secret: everybody has it; name its algorithm (RS256, "
                       "ES256, EdDSA …) and give it as PEM");
        return NULL;
    }
    struct key *k = xalloc(sizeof *k);
    k->kind = KEY_SECRET;
    k->algorithm = algorithm;
    k->secret_len = secret.len;
    k->example = find_example(secret);
    set_mark(k, (const unsigned char *)secret.ptr, secret.len);
    for (size_t i = 0; i < MAC_FORMS; i++) {
        static const char *const names[MAC_FORMS] = {"HS256", "HS384", "HS512"};
        const struct algorithm *a = algorithm_find(slice_of(names[i]));
        if (algorithm && algorithm != a)
            continue;
        if ((k->keyed[i] = new_mac(a, secret)) == NULL) {
            error_set(err, "OpenSSL cannot make an HMAC key");
            key_free(&k);
            return NULL;
        }
    }
    return k;
}

static bool
find_kind(EVP_PKEY *pair, enum key_kind *ret, struct error *err)
{
    char group[40] = "";
    size_t len;
    switch (EVP_PKEY_get_base_id(pair)) {
    case EVP_PKEY_RSA:
        *ret = KEY_RSA;
        return true;
    case EVP_PKEY_ED25519:
        *ret = KEY_ED25519;
        return true;
    case EVP_PKEY_EC:
        EVP_PKEY_get_group_name(pair, group, sizeof group, &len);
        if (strcmp(group, "prime256v1") == 0)
            *ret = KEY_P256;
        else if (strcmp(group, "secp384r1") == 0)
            *ret = KEY_P384;
        else if (strcmp(group, "secp521r1") == 0)
            *ret = KEY_P521;
        else
            return error_set(err, "the curve %s is not one of P-256, P-384, P-521", group);
        return true;
    }
    return error_set(err, "a key of this type is not used here: RSA, EC or Ed25519 is");
}

static bool
judge_rsa(const EVP_PKEY *pair, struct error *err)
{
    int bits = EVP_PKEY_get_bits(pair);
    BIGNUM *e = NULL;
    bool fine = EVP_PKEY_get_bn_param(pair, OSSL_PKEY_PARAM_RSA_E, &e) == 1 && BN_is_odd(e) &&
                !BN_is_one(e) && BN_num_bits(e) <= 64;
    BN_free(e);
    if (bits < RSA_LEAST_BITS)
        return error_set(err, "an RSA key of %d bits is too weak: %d are the least", bits,
                         RSA_LEAST_BITS);
    if (bits > RSA_MOST_BITS)
        return error_set(err, "an RSA key of %d bits is too slow: %d are the most", bits,
                         RSA_MOST_BITS);
    return fine ? true : error_set(err, "the RSA key's exponent is not one that is used");
}

struct key *
key_new_pair(EVP_PKEY *pair, bool is_private, const struct algorithm *algorithm, struct error *err)
{
    enum key_kind kind;
    unsigned char *der = NULL;
    if (!find_kind(pair, &kind, err) || (kind == KEY_RSA && !judge_rsa(pair, err)))
        return NULL;
    if (algorithm && algorithm->kind != kind) {
        error_set(err, "%s needs %s, and this is %s", algorithm->name,
                  key_kind_name(algorithm->kind), key_kind_name(kind));
        return NULL;
    }
    int len = i2d_PUBKEY(pair, &der);
    const unsigned char *at = der;
    EVP_PKEY *half = len > 0 ? d2i_PUBKEY(NULL, &at, len) : NULL;
    if (half == NULL) {
        error_set(err, "OpenSSL cannot take the public half of the key");
        OPENSSL_free(der);
        return NULL;
    }
    struct key *k = xalloc(sizeof *k);
    k->kind = kind;
    k->algorithm = algorithm;
    k->pair = half;
    k->was_private = is_private;
    set_mark(k, der, (size_t)len);
    OPENSSL_free(der);
    return k;
}

void
key_set_kid(struct key *k, struct slice kid)
{
    k->kid = xstrndup(kid.ptr, kid.len);
    k->kid_len = kid.len;
}

void
key_set_algorithm(struct key *k, const struct algorithm *algorithm)
{
    k->algorithm = algorithm;
}

void
key_free(struct key **ref)
{
    struct key *k = *ref;
    *ref = NULL;
    if (k == NULL)
        return;
    for (size_t i = 0; i < MAC_FORMS; i++)
        EVP_MAC_CTX_free(k->keyed[i]);
    EVP_PKEY_free(k->pair);
    free(k->kid);
    free(k);
}

/* --- what it is ------------------------------------------------------------------------------- */

enum key_kind
key_kind_of(const struct key *k)
{
    return k->kind;
}

const struct algorithm *
key_algorithm(const struct key *k)
{
    return k->algorithm;
}

struct slice
key_kid(const struct key *k)
{
    return SLICE_OF(k->kid, k->kid_len);
}

const unsigned char *
key_mark(const struct key *k)
{
    return k->mark;
}

bool
key_fits(const struct key *k, const struct algorithm *a)
{
    return k->kind == a->kind && (k->algorithm == NULL || k->algorithm == a);
}

bool
key_warning(const struct key *k, bool loopback_only, struct error *ret_sentence)
{
    if (k->example && !loopback_only) {
        error_set(ret_sentence,
                  "the key is a well-known example (%s): whoever reads the "
                  "documentation can publish; make one of your own",
                  k->example);
        return true;
    }
    size_t least = k->algorithm && k->algorithm->size ? k->algorithm->size : SHORTEST_ORDINARY;
    if (k->kind == KEY_SECRET && k->secret_len < least) {
        error_set(ret_sentence, "the key is shorter than %zu bytes, too short for %s", least,
                  k->algorithm ? k->algorithm->name : "HS256");
        return true;
    }
    if (k->was_private) {
        error_set(ret_sentence, "this is a private key: the hub needs the public one alone, and "
                                "whoever reads it here can make tokens");
        return true;
    }
    return false;
}

/* --- verification ----------------------------------------------------------------------------- */

static bool
verify_mac(const struct key *k, const struct algorithm *a, struct slice input,
           struct slice signature)
{
    unsigned char made[EVP_MAX_MD_SIZE];
    size_t len = 0;
    const EVP_MAC_CTX *keyed = k->keyed[algorithm_index(a)];
    if (keyed == NULL || signature.len != a->size)
        return false;
    EVP_MAC_CTX *ctx = EVP_MAC_CTX_dup(keyed);
    bool ok = ctx && EVP_MAC_update(ctx, (const unsigned char *)input.ptr, input.len) == 1 &&
              EVP_MAC_final(ctx, made, &len, sizeof made) == 1 && len == signature.len &&
              CRYPTO_memcmp(made, signature.ptr, len) == 0;
    EVP_MAC_CTX_free(ctx);
    return ok;
}

/* r and s of fixed length become the DER that OpenSSL wants. */
static bool
write_der(const struct algorithm *a, struct slice signature, unsigned char **ret, size_t *ret_len)
{
    const unsigned char *bytes = (const unsigned char *)signature.ptr;
    if (signature.len != 2 * a->size)
        return false;
    ECDSA_SIG *both = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(bytes, (int)a->size, NULL);
    BIGNUM *s = BN_bin2bn(bytes + a->size, (int)a->size, NULL);
    if (both == NULL || r == NULL || s == NULL || ECDSA_SIG_set0(both, r, s) != 1) {
        BN_free(r);
        BN_free(s);
        ECDSA_SIG_free(both);
        return false;
    }
    int len = i2d_ECDSA_SIG(both, ret);
    ECDSA_SIG_free(both);
    *ret_len = len > 0 ? (size_t)len : 0;
    return len > 0;
}

static bool
verify_pair(const struct key *k, const struct algorithm *a, struct slice input,
            struct slice signature)
{
    const unsigned char *bytes = (const unsigned char *)signature.ptr;
    unsigned char *der = NULL;
    size_t len = signature.len;
    EVP_PKEY_CTX *how;
    if (a->form == FORM_ECDSA && !write_der(a, signature, &der, &len))
        return false;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok = ctx && EVP_DigestVerifyInit_ex(ctx, &how, a->digest, NULL, NULL, k->pair, NULL) == 1;
    if (ok && a->form == FORM_PSS)
        ok = EVP_PKEY_CTX_set_rsa_padding(how, RSA_PKCS1_PSS_PADDING) == 1 &&
             EVP_PKEY_CTX_set_rsa_pss_saltlen(how, RSA_PSS_SALTLEN_DIGEST) == 1;
    ok = ok && EVP_DigestVerify(ctx, der ? der : bytes, len, (const unsigned char *)input.ptr,
                                input.len) == 1;
    EVP_MD_CTX_free(ctx);
    OPENSSL_free(der);
    if (!ok)
        ERR_clear_error();
    return ok;
}

bool
key_verify(const struct key *k, const struct algorithm *a, struct slice input,
           struct slice signature)
{
    if (!key_fits(k, a))
        return false;
    return a->form == FORM_HMAC ? verify_mac(k, a, input, signature)
                                : verify_pair(k, a, input, signature);
}
