/* key_text - a key as a directive, a variable or a file holds it.
 *
 * What it is, is told apart by its first bytes: PEM, a JSON object; everything else is a secret. An
 * algorithm that was named must fit; where none was, a secret takes HS256, and for the rest the
 * caller says whether that will do. */

#include "auth/key_text.h"

#include "auth/jwk.h"
#include "auth/pem.h"
#include "base/alloc.h"
#include "base/ascii.h"

#include <openssl/evp.h>
#include <string.h>

static struct key *
read_pem(struct slice text, const struct algorithm *algorithm, enum key_default standard,
         struct error *err)
{
    bool is_private;
    if (algorithm && algorithm->kind == KEY_SECRET) {
        error_set(err,
                  "%s signs with a shared secret, and this is a PEM key: everybody may have it; "
                  "name its algorithm (RS256, ES256, EdDSA …)",
                  algorithm->name);
        return NULL;
    }
    EVP_PKEY *pair = pem_read(text, &is_private, err);
    struct key *k = pair ? key_new_pair(pair, is_private, algorithm, err) : NULL;
    EVP_PKEY_free(pair);
    if (k && algorithm == NULL && standard == KEY_MUST_NAME) {
        error_set(err, "a PEM key must name its algorithm: this is %s, so for example %s",
                  key_kind_name(key_kind_of(k)), algorithm_of_kind(key_kind_of(k))->name);
        key_free(&k);
    } else if (k && algorithm == NULL) {
        key_set_algorithm(k, algorithm_of_kind(key_kind_of(k)));
    }
    return k;
}

static struct key *
read_jwk(struct slice text, const struct algorithm *algorithm, enum key_default standard,
         struct error *err)
{
    struct key *k = jwk_read(text, err);
    if (k == NULL)
        return NULL;
    if (algorithm && !key_fits(k, algorithm)) {
        if (key_algorithm(k))
            error_set(err, "the JWK is for %s, not for %s", key_algorithm(k)->name,
                      algorithm->name);
        else
            error_set(err, "%s needs %s, and this JWK is %s", algorithm->name,
                      key_kind_name(algorithm->kind), key_kind_name(key_kind_of(k)));
        key_free(&k);
    } else if (algorithm) {
        key_set_algorithm(k, algorithm);
    } else if (key_algorithm(k) == NULL) {
        key_set_algorithm(k, algorithm_of_kind(key_kind_of(k)));
        if (key_kind_of(k) != KEY_SECRET && standard == KEY_MUST_NAME) {
            error_set(err,
                      "a JWK without alg must name its algorithm: this is %s, so for "
                      "example %s",
                      key_kind_name(key_kind_of(k)), key_algorithm(k)->name);
            key_free(&k);
        }
    }
    return k;
}

static bool
is_json_object(struct slice text)
{
    while (text.len && strchr(" \t\r\n", text.ptr[0]) && text.ptr[0])
        text = slice_from(text, 1);
    while (text.len && strchr(" \t\r\n", text.ptr[text.len - 1]) && text.ptr[text.len - 1])
        text.len--;
    return text.len >= 2 && text.ptr[0] == '{' && text.ptr[text.len - 1] == '}';
}

/* Two letters and some digits, or a name that people know: no part of a secret. */
static bool
looks_like_an_algorithm(struct slice s)
{
    static const struct slice others[] = {SLICE_INIT("none"), SLICE_INIT("EdDSA"),
                                          SLICE_INIT("Ed25519"), SLICE_INIT("HMAC"),
                                          SLICE_INIT("RSA")};
    for (size_t i = 0; i < COUNT_OF(others); i++)
        if (slice_eq_nocase(s, others[i]))
            return true;
    uint64_t unused;
    for (size_t i = 0; i < 2 && i < s.len; i++)
        if (!ascii_is_letter(s.ptr[i]))
            return false;
    return s.len > 2 && s.len <= 6 && slice_u64(slice_from(s, 2), 9999, &unused);
}

/* What stands where an algorithm should may be the second word of a secret without quotes. */
static void
refuse_algorithm(struct slice alg, struct error *err)
{
    static const char known[] = "HS256, HS384, HS512, RS256, RS384, RS512, PS256, PS384, PS512, "
                                "ES256, ES384, ES512 and EdDSA are";
    if (looks_like_an_algorithm(alg))
        error_set(err, "the algorithm " SLICE_FMT " is not known: %s", SLICE_ARG(alg), known);
    else
        error_set(err,
                  "the word behind the key is no algorithm (a key with a blank stands in quotes): "
                  "%s",
                  known);
}

struct key *
key_read(struct slice text, struct slice alg, enum key_default standard, struct error *err)
{
    const struct algorithm *algorithm = NULL;
    if (alg.len && (algorithm = algorithm_find(alg)) == NULL) {
        refuse_algorithm(alg, err);
        return NULL;
    }
    if (text.len > KEY_TEXT_MAX) {
        error_set(err, "a key of more than %d bytes", KEY_TEXT_MAX);
        return NULL;
    }
    if (pem_is(text))
        return read_pem(text, algorithm, standard, err);
    if (is_json_object(text))
        return read_jwk(text, algorithm, standard, err);
    return key_new_secret(text, algorithm ? algorithm : algorithm_of_kind(KEY_SECRET), err);
}
