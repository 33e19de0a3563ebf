/* jws - three parts, a header that must fit the key, and a signature.
 *
 * An algorithm is a row of a table. What one gets wrong: letting the token choose. Here `alg` is
 * only compared, byte for byte, with the algorithm that the key was configured for. */

#include "auth/jws.h"

#include "auth/base64url.h"
#include "base/alloc.h"

#include <jansson.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

struct algorithm {
    const char *name;
    const char *digest;
    size_t signature_len;
};

static const struct algorithm algorithms[] = {
    {"HS256", "SHA256", 32},
};

struct key {
    const struct algorithm *algorithm;
    EVP_MAC_CTX *keyed; /* a template: each verification works on a copy */
};

static const char *const fault_names[] = {
#define X(name, word) word,
    TOKEN_FAULTS(X)
#undef X
};

const char *
token_fault_name(enum token_fault fault)
{
    return fault_names[fault];
}

static const struct algorithm *
find_algorithm(const char *name)
{
    for (size_t i = 0; i < COUNT_OF(algorithms); i++)
        if (strcmp(algorithms[i].name, name) == 0)
            return &algorithms[i];
    return NULL;
}

struct key *
key_new_hmac(const char *alg, struct slice secret, struct error *err)
{
    const struct algorithm *a = find_algorithm(alg);
    if (a == NULL) {
        error_set(err, "the algorithm %s is not available; HS256 is", alg);
        return NULL;
    }
    if (secret.len == 0) {
        error_set(err, "a secret must not be empty");
        return NULL;
    }
    struct key *k = xalloc(sizeof *k);
    k->algorithm = a;
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)a->digest, 0),
        OSSL_PARAM_construct_end(),
    };
    k->keyed = mac ? EVP_MAC_CTX_new(mac) : NULL;
    EVP_MAC_free(mac);
    if (k->keyed == NULL ||
        EVP_MAC_init(k->keyed, (const unsigned char *)secret.ptr, secret.len, params) != 1) {
        error_set(err, "OpenSSL cannot make an HMAC key");
        key_free(&k);
    }
    return k;
}

void
key_free(struct key **ref)
{
    struct key *k = *ref;
    *ref = NULL;
    if (k == NULL)
        return;
    EVP_MAC_CTX_free(k->keyed);
    free(k);
}

static bool
signature_fits(const struct key *k, struct slice input, struct slice signature)
{
    unsigned char made[EVP_MAX_MD_SIZE];
    size_t len = 0;
    if (signature.len != k->algorithm->signature_len)
        return false;
    EVP_MAC_CTX *ctx = EVP_MAC_CTX_dup(k->keyed);
    bool ok = ctx && EVP_MAC_update(ctx, (const unsigned char *)input.ptr, input.len) == 1 &&
              EVP_MAC_final(ctx, made, &len, sizeof made) == 1 && len == signature.len &&
              CRYPTO_memcmp(made, signature.ptr, len) == 0;
    EVP_MAC_CTX_free(ctx);
    return ok;
}

static bool
is_access_token(struct slice typ)
{
    return slice_eq_nocase(typ, SLICE("at+jwt")) ||
           slice_eq_nocase(typ, SLICE("application/at+jwt"));
}

static enum token_fault
judge_header(const struct key *k, struct slice header)
{
    json_error_t ignored;
    json_t *h = json_loadb(header.ptr, header.len, JSON_REJECT_DUPLICATES, &ignored);
    const char *alg = json_string_value(json_object_get(h, "alg"));
    const char *typ = json_string_value(json_object_get(h, "typ"));
    enum token_fault fault = TOKEN_OK;
    if (!json_is_object(h) || alg == NULL)
        fault = TOKEN_BAD_HEADER;
    else if (json_object_get(h, "crit"))
        fault = TOKEN_CRIT;
    else if (typ && is_access_token(slice_of(typ)))
        fault = TOKEN_BAD_TYP;
    else if (strcmp(alg, k->algorithm->name) != 0)
        fault = TOKEN_BAD_ALG;
    json_decref(h);
    return fault;
}

enum token_fault
jws_verify(const struct key *k, struct slice token, struct arena *arena, struct slice *ret_payload)
{
    if (token.len > TOKEN_MAX)
        return TOKEN_TOO_LARGE;
    size_t first = slice_index(token, '.');
    struct slice header = slice_head(token, first), rest = slice_from(token, first + 1);
    size_t second = slice_index(rest, '.');
    struct slice payload = slice_head(rest, second), signature = slice_from(rest, second + 1);
    if (first == token.len || second == rest.len)
        return TOKEN_MALFORMED;
    struct slice input = slice_head(token, first + 1 + second);
    if (base64url_decode(arena, header, &header) != PARSE_OK ||
        base64url_decode(arena, payload, &payload) != PARSE_OK ||
        base64url_decode(arena, signature, &signature) != PARSE_OK)
        return TOKEN_MALFORMED;
    enum token_fault fault = judge_header(k, header);
    if (fault != TOKEN_OK)
        return fault;
    if (!signature_fits(k, input, signature))
        return TOKEN_BAD_SIGNATURE;
    *ret_payload = payload;
    return TOKEN_OK;
}
