/* jwk - keys as JSON.
 *
 * A set is what others publish: a key in it that is of no use here (another type, for encryption,
 * too weak) is passed over, as RFC 7517 says, and the rest counts. Where nothing is left, that
 * counts too: it is how an issuer takes all its keys back. A single JWK is what an operator wrote
 * down: there every fault is told. */

#include "auth/jwk.h"

#include "auth/base64url.h"
#include "base/alloc.h"

#include <jansson.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <string.h>

enum {
    MAX_MEMBER_BYTES = 8192 /* of a number or a secret, decoded */
};

static struct slice
text_of(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    return json_is_string(value) ? SLICE_OF(json_string_value(value), json_string_length(value))
                                 : SLICE_OF(NULL, 0);
}

static bool
read_bytes(const json_t *jwk, const char *name, struct arena *arena, struct slice *ret,
           struct error *err)
{
    struct slice text = text_of(jwk, name);
    if (text.len == 0)
        return error_set(err, "the JWK has no %s", name);
    if (text.len > MAX_MEMBER_BYTES || base64url_decode(arena, text, ret) != PARSE_OK ||
        ret->len == 0)
        return error_set(err, "the JWK's %s is not base64url without padding", name);
    return true;
}

static EVP_PKEY *
make_pair(const char *type, OSSL_PARAM_BLD *build)
{
    EVP_PKEY *pair = NULL;
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    if (params && ctx && EVP_PKEY_fromdata_init(ctx) == 1 &&
        EVP_PKEY_fromdata(ctx, &pair, EVP_PKEY_PUBLIC_KEY, params) != 1)
        pair = NULL;
    EVP_PKEY_CTX_free(ctx);
    OSSL_PARAM_free(params);
    ERR_clear_error();
    return pair;
}

static EVP_PKEY *
read_rsa(const json_t *jwk, struct arena *arena, OSSL_PARAM_BLD *build, struct error *err)
{
    struct slice n, e;
    EVP_PKEY *pair = NULL;
    if (!read_bytes(jwk, "n", arena, &n, err) || !read_bytes(jwk, "e", arena, &e, err))
        return NULL;
    BIGNUM *modulus = BN_bin2bn((const unsigned char *)n.ptr, (int)n.len, NULL);
    BIGNUM *exponent = BN_bin2bn((const unsigned char *)e.ptr, (int)e.len, NULL);
    if (modulus && exponent && OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, modulus) == 1 &&
        OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, exponent) == 1)
        pair = make_pair("RSA", build);
    BN_free(modulus);
    BN_free(exponent);
    if (pair == NULL)
        error_set(err, "the JWK's n and e are no RSA key");
    return pair;
}

static EVP_PKEY *
read_ec(const json_t *jwk, struct arena *arena, OSSL_PARAM_BLD *build, struct error *err)
{
    static const struct {
        const char *crv, *group;
        size_t size;
    } curves[] = {
        {"P-256", "prime256v1", 32}, {"P-384", "secp384r1", 48}, {"P-521", "secp521r1", 66}};
    struct slice crv = text_of(jwk, "crv"), x, y;
    unsigned char point[1 + 2 * 66];
    size_t i = 0;
    while (i < COUNT_OF(curves) && !slice_eq(crv, slice_of(curves[i].crv)))
        i++;
    if (i == COUNT_OF(curves)) {
        error_set(err, "the JWK's crv is not one of P-256, P-384, P-521");
        return NULL;
    }
    if (!read_bytes(jwk, "x", arena, &x, err) || !read_bytes(jwk, "y", arena, &y, err))
        return NULL;
    size_t size = curves[i].size;
    if (x.len != size || y.len != size) {
        error_set(err, "the JWK's x and y must have %zu bytes each", size);
        return NULL;
    }
    point[0] = POINT_CONVERSION_UNCOMPRESSED;
    memcpy(point + 1, x.ptr, size);
    memcpy(point + 1 + size, y.ptr, size);
    EVP_PKEY *pair = NULL;
    if (OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, curves[i].group, 0) ==
            1 &&
        OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point, 1 + 2 * size) == 1)
        pair = make_pair("EC", build);
    if (pair == NULL)
        error_set(err, "the JWK's x and y are no point of %s", curves[i].crv);
    return pair;
}

static EVP_PKEY *
read_okp(const json_t *jwk, struct arena *arena, struct error *err)
{
    struct slice x;
    if (!slice_eq(text_of(jwk, "crv"), SLICE("Ed25519"))) {
        error_set(err, "the JWK's crv is not Ed25519");
        return NULL;
    }
    if (!read_bytes(jwk, "x", arena, &x, err))
        return NULL;
    EVP_PKEY *pair = x.len == 32 ? EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL,
                                                               (const unsigned char *)x.ptr, x.len)
                                 : NULL;
    if (pair == NULL)
        error_set(err, "the JWK's x is no Ed25519 key of 32 bytes");
    return pair;
}

/* `use` and `key_ops`: is it meant to verify? */
static bool
may_verify(const json_t *jwk, struct error *err)
{
    const json_t *use = json_object_get(jwk, "use"), *ops = json_object_get(jwk, "key_ops"), *op;
    size_t i;
    if (use && !slice_eq(text_of(jwk, "use"), SLICE("sig")))
        return error_set(err, "the JWK's use is not sig");
    if (ops == NULL)
        return true;
    bool found = false;
    json_array_foreach(ops, i, op) if (json_is_string(op) &&
                                       (strcmp(json_string_value(op), "verify") == 0 ||
                                        strcmp(json_string_value(op), "sign") == 0)) found = true;
    return found ? true : error_set(err, "the JWK's key_ops do not name verify");
}

static struct key *
read_material(const json_t *jwk, const struct algorithm *algorithm, struct arena *arena,
              struct error *err)
{
    struct slice kty = text_of(jwk, "kty"), secret;
    if (slice_eq(kty, SLICE("oct")))
        return read_bytes(jwk, "k", arena, &secret, err) ? key_new_secret(secret, algorithm, err)
                                                         : NULL;
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    EVP_PKEY *pair = NULL;
    if (build == NULL)
        error_set(err, "out of memory");
    else if (slice_eq(kty, SLICE("RSA")))
        pair = read_rsa(jwk, arena, build, err);
    else if (slice_eq(kty, SLICE("EC")))
        pair = read_ec(jwk, arena, build, err);
    else if (slice_eq(kty, SLICE("OKP")))
        pair = read_okp(jwk, arena, err);
    else
        error_set(err, "the JWK's kty is not one of oct, RSA, EC, OKP");
    OSSL_PARAM_BLD_free(build);
    struct key *k = NULL;
    if (pair)
        k = key_new_pair(pair, json_object_get(jwk, "d") != NULL, algorithm, err);
    EVP_PKEY_free(pair);
    return k;
}

static struct key *
read_object(const json_t *jwk, struct error *err)
{
    const json_t *alg = json_object_get(jwk, "alg"), *kid = json_object_get(jwk, "kid");
    const struct algorithm *algorithm = NULL;
    struct arena arena;
    struct key *k = NULL;
    arena_init(&arena, 8 * MAX_MEMBER_BYTES);
    if (!json_is_object(jwk))
        error_set(err, "a JWK is a JSON object");
    else if (json_object_get(jwk, "keys"))
        error_set(err, "this is a JWK set; give it as a file:// URL of a jwks directive, or one "
                       "of its keys here");
    else if (alg && (algorithm = algorithm_find(text_of(jwk, "alg"))) == NULL)
        error_set(err, "the JWK's alg is not one that signs here");
    else if (kid && !json_is_string(kid))
        error_set(err, "the JWK's kid is no string");
    else if (may_verify(jwk, err))
        k = read_material(jwk, algorithm, &arena, err);
    if (k && kid)
        key_set_kid(k, text_of(jwk, "kid"));
    arena_fini(&arena);
    return k;
}

static json_t *
parse(struct slice json, struct error *err)
{
    json_error_t why;
    json_t *root = json_loadb(json.ptr ? json.ptr : "", json.len, JSON_REJECT_DUPLICATES, &why);
    if (root == NULL)
        error_set(err, "no JSON that can be taken (line %d: %.100s)", why.line, why.text);
    return root;
}

struct key *
jwk_read(struct slice json, struct error *err)
{
    json_t *root = parse(json, err);
    struct key *k = root ? read_object(root, err) : NULL;
    json_decref(root);
    return k;
}

static struct key_set *
read_list(const json_t *list, struct error *err)
{
    struct key_set *set = key_set_new();
    size_t i;
    json_t *item;
    error_set(err, "it is empty");
    json_array_foreach(list, i, item)
    {
        struct key *k = read_object(item, err);
        if (k)
            key_set_add(set, k);
        else
            set->ignored++;
    }
    return set;
}

struct key_set *
jwk_set_read(struct slice json, struct error *err)
{
    struct key_set *set = NULL;
    if (json.len > JWK_SET_MAX) {
        error_set(err, "the JWK set has more than %d bytes", JWK_SET_MAX);
        return NULL;
    }
    json_t *root = parse(json, err);
    if (root == NULL)
        return NULL;
    const json_t *list = json_object_get(root, "keys");
    if (!json_is_array(list))
        error_set(err, "a JWK set is a JSON object with an array of keys");
    else if (json_array_size(list) > KEY_SET_MAX)
        error_set(err, "the JWK set has more than %d keys", KEY_SET_MAX);
    else
        set = read_list(list, err);
    json_decref(root);
    return set;
}
