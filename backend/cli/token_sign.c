/* token_sign - the other half of auth/key.c, for the command line alone: the hub never signs.
 *
 * libjwt signs what it can. Its 1.10 writes `typ: JWT` whatever is set, and knows no PS* and no
 * EdDSA: tokens of 1.0 and those algorithms are signed here, with the same EVP that verifies. */

#include "cli/token_sign.h"

#include "auth/base64url.h"
#include "auth/pem.h"

#include <jwt.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rsa.h>
#include <stdlib.h>
#include <string.h>

enum {
    MAX_SIGNATURE = 2048
};

static bool
sign_with_libjwt(const struct algorithm *a, struct slice key, const char *claims, struct buf *out,
                 struct error *err)
{
    jwt_t *jwt = NULL;
    char *made = NULL;
    bool ok =
        jwt_new(&jwt) == 0 && jwt_add_grants_json(jwt, claims) == 0 &&
        jwt_set_alg(jwt, jwt_str_alg(a->name), (const unsigned char *)key.ptr, (int)key.len) == 0 &&
        (made = jwt_encode_str(jwt)) != NULL;
    if (ok)
        buf_add(out, slice_of(made));
    free(made);
    jwt_free(jwt);
    return ok ? true : error_set(err, "libjwt cannot sign with this key and %s", a->name);
}

/* OpenSSL's DER becomes r and s of fixed length. */
static bool
flatten(const struct algorithm *a, unsigned char *signature, size_t *len)
{
    const unsigned char *at = signature;
    ECDSA_SIG *both = d2i_ECDSA_SIG(NULL, &at, (long)*len);
    bool ok =
        both && BN_bn2binpad(ECDSA_SIG_get0_r(both), signature, (int)a->size) == (int)a->size &&
        BN_bn2binpad(ECDSA_SIG_get0_s(both), signature + a->size, (int)a->size) == (int)a->size;
    ECDSA_SIG_free(both);
    *len = 2 * a->size;
    return ok;
}

static bool
sign_pair(const struct algorithm *a, struct slice key, struct slice input, unsigned char *signature,
          size_t *len, struct error *err)
{
    bool is_private;
    EVP_PKEY_CTX *how;
    EVP_PKEY *pair = pem_read(key, &is_private, err);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok = pair && ctx && EVP_DigestSignInit_ex(ctx, &how, a->digest, NULL, NULL, pair, NULL);
    if (ok && a->form == FORM_PSS)
        ok = EVP_PKEY_CTX_set_rsa_padding(how, RSA_PKCS1_PSS_PADDING) == 1 &&
             EVP_PKEY_CTX_set_rsa_pss_saltlen(how, RSA_PSS_SALTLEN_DIGEST) == 1;
    ok =
        ok && EVP_DigestSign(ctx, signature, len, (const unsigned char *)input.ptr, input.len) == 1;
    if (ok && a->form == FORM_ECDSA)
        ok = flatten(a, signature, len);
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(pair);
    return ok ? true : error_set(err, "OpenSSL cannot sign with this key and %s", a->name);
}

static bool
sign_secret(const struct algorithm *a, struct slice key, struct slice input,
            unsigned char *signature, size_t *len, struct error *err)
{
    unsigned made = 0;
    const EVP_MD *digest = EVP_get_digestbyname(a->digest);
    bool ok = digest && HMAC(digest, key.ptr, (int)key.len, (const unsigned char *)input.ptr,
                             input.len, signature, &made);
    *len = made;
    return ok ? true : error_set(err, "OpenSSL cannot make an HMAC");
}

static void
add_part(struct buf *out, struct slice bytes)
{
    if (buf_reserve(out, bytes.len * 4 / 3 + 4))
        out->len += base64url_encode(bytes, out->ptr + out->len);
}

static bool
sign_with_openssl(const struct algorithm *a, struct slice key, const char *typ, const char *claims,
                  struct buf *out, struct error *err)
{
    unsigned char signature[MAX_SIGNATURE];
    size_t len = sizeof signature, begin = out->len;
    struct buf header;
    buf_init(&header, 200);
    buf_addf(&header, "{\"alg\":\"%s\",\"typ\":\"%s\"}", a->name, typ);
    add_part(out, buf_slice(&header));
    buf_fini(&header);
    buf_add_byte(out, '.');
    add_part(out, slice_of(claims));
    if (out->failed)
        return error_set(err, "the token is too large");
    bool (*sign)(const struct algorithm *, struct slice, struct slice, unsigned char *, size_t *,
                 struct error *) = a->form == FORM_HMAC ? sign_secret : sign_pair;
    if (!sign(a, key, slice_from(buf_slice(out), begin), signature, &len, err))
        return false;
    buf_add_byte(out, '.');
    add_part(out, SLICE_OF((const char *)signature, len));
    return true;
}

bool
token_sign(const struct algorithm *a, struct slice key, const char *typ, const char *claims,
           struct buf *out, struct error *err)
{
    bool is_libjwts = strcmp(typ, "JWT") == 0 && a->form != FORM_PSS && a->form != FORM_EDDSA;
    bool is_private = false;
    if (a->form != FORM_HMAC) {
        EVP_PKEY *pair = pem_read(key, &is_private, err);
        if (pair == NULL)
            return false;
        EVP_PKEY_free(pair);
        if (!is_private)
            return error_set(err, "this is the public key: tokens are signed with the private "
                                  "one; give it with --key-file");
    }
    return is_libjwts ? sign_with_libjwt(a, key, claims, out, err)
                      : sign_with_openssl(a, key, typ, claims, out, err);
}
