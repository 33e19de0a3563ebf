/* mistake - the keys that programs take for the right one, tried one after another.
 *
 * Another role's key; the secret with a line end, without one, without its quotes; decoded where
 * the text was meant, or the other way round; the examples of other people's manuals; and nothing
 * at all, which is what a variable that is not set gives to most libraries. Nothing of a key is
 * printed. */

#include "cli/mistake.h"

#include "auth/jws.h"
#include "auth/key_text.h"
#include "base/alloc.h"
#include "base/ascii.h"
#include "base/buf.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <string.h>

/* Does a secret of these bytes make that signature? */
static bool
makes(struct slice secret, const struct jws *j)
{
    unsigned char made[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    const EVP_MD *digest =
        j->algorithm->form == FORM_HMAC ? EVP_get_digestbyname(j->algorithm->digest) : NULL;
    return digest &&
           HMAC(digest, secret.len ? secret.ptr : "", (int)secret.len,
                (const unsigned char *)j->input.ptr, j->input.len, made, &len) != NULL &&
           len == j->signature.len && CRYPTO_memcmp(made, j->signature.ptr, len) == 0;
}

static bool
is_one_of(const char *set, char c)
{
    return c && strchr(set, c) != NULL;
}

/* Each writes the bytes that a program could take for `secret` into `out`; false: none. */
static bool
add_line_end(struct slice secret, struct buf *out)
{
    buf_add(out, secret);
    buf_add_byte(out, '\n');
    return true;
}

static bool
add_crlf(struct slice secret, struct buf *out)
{
    buf_add(out, secret);
    buf_add(out, SLICE("\r\n"));
    return true;
}

static bool
take_off_blanks(struct slice secret, struct buf *out)
{
    struct slice s = secret;
    while (s.len && is_one_of(" \t\r\n", s.ptr[s.len - 1]))
        s.len--;
    while (s.len && is_one_of(" \t\r\n", s.ptr[0]))
        s = slice_from(s, 1);
    buf_add(out, s);
    return s.len < secret.len;
}

static bool
take_off_quotes(struct slice secret, struct buf *out)
{
    if (secret.len < 2 || !is_one_of("\"'`", secret.ptr[0]) ||
        secret.ptr[secret.len - 1] != secret.ptr[0])
        return false;
    buf_add(out, slice_head(slice_from(secret, 1), secret.len - 2));
    return true;
}

static bool
put_into_quotes(struct slice secret, struct buf *out)
{
    buf_addf(out, "\"" SLICE_FMT "\"", SLICE_ARG(secret));
    return true;
}

static bool
decode_hex(struct slice secret, struct buf *out)
{
    for (size_t i = 0; i + 1 < secret.len; i += 2) {
        int high = ascii_hex(secret.ptr[i]), low = ascii_hex(secret.ptr[i + 1]);
        if (high < 0 || low < 0)
            return false;
        buf_add_byte(out, (char)(high << 4 | low));
    }
    return secret.len && secret.len % 2 == 0;
}

/* Both alphabets, with or without padding. */
static bool
decode_base64(struct slice secret, struct buf *out)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    unsigned bits = 0, have = 0;
    while (secret.len && secret.ptr[secret.len - 1] == '=')
        secret.len--;
    for (size_t i = 0; i < secret.len; i++) {
        char c = secret.ptr[i] == '-' ? '+' : secret.ptr[i] == '_' ? '/' : secret.ptr[i];
        const char *at = c ? strchr(alphabet, c) : NULL;
        if (at == NULL)
            return false;
        bits = (bits << 6 | (unsigned)(at - alphabet)) & 0xffff;
        have += 6;
        if (have >= 8) {
            have -= 8;
            buf_add_byte(out, (char)(bits >> have & 0xff));
        }
    }
    return secret.len > 0;
}

static bool
encode_base64(struct slice secret, struct buf *out)
{
    if (!buf_reserve(out, secret.len * 2 + 8))
        return false;
    int n = EVP_EncodeBlock((unsigned char *)out->ptr, (const unsigned char *)secret.ptr,
                            (int)secret.len);
    out->len = n > 0 ? (size_t)n : 0;
    return n > 0;
}

static const struct {
    bool (*make)(struct slice secret, struct buf *out);
    const char *sentence;
} variants[] = {
    {add_line_end, "the signer's key has a line end behind it: take it off (PHP: trim())"},
    {add_crlf, "the signer's key has a line end (CR LF) behind it: take it off"},
    {take_off_blanks, "the configuration's key has blanks or a line end around it, the signer's "
                      "has none"},
    {take_off_quotes, "the configuration's key stands in quotes, and they are part of it: take "
                      "them off"},
    {put_into_quotes, "the signer's key stands in quotes, and they are part of it: take them off"},
    {decode_base64, "the signer decodes the key from base64: here it is taken as it stands"},
    {decode_hex, "the signer decodes the key from hex: here it is taken as it stands"},
    {encode_base64, "the signer encodes the key as base64: here it is taken as it stands"},
};

static const struct {
    struct slice secret;
    const char *sentence;
} strangers[] = {
    {SLICE_INIT(""), "it is signed with an empty key: the signer's variable or file is not there "
                     "(php-fpm: env[...] in the pool)"},
    {SLICE_INIT("your-256-bit-secret"), "it is signed with the example secret of jwt.io"},
    {SLICE_INIT("a-string-secret-at-least-256-bits-long"),
     "it is signed with the example secret of jwt.io"},
    {SLICE_INIT("!ChangeThisMercureHubJWTSecretKey!"),
     "it is signed with the example secret of Mercure's documentation"},
    {SLICE_INIT("!ChangeMe!"), "it is signed with the example secret of Mercure's documentation"},
};

static const char *
find_variant(struct slice secret, const struct jws *j)
{
    const char *found = NULL;
    struct buf bytes;
    buf_init(&bytes, 4 * KEY_TEXT_MAX);
    for (size_t i = 0; found == NULL && i < COUNT_OF(variants); i++) {
        buf_clear(&bytes);
        if (variants[i].make(secret, &bytes) && !bytes.failed && makes(buf_slice(&bytes), j))
            found = variants[i].sentence;
    }
    if (bytes.ptr)
        OPENSSL_cleanse(bytes.ptr, bytes.cap);
    buf_fini(&bytes);
    for (size_t i = 0; found == NULL && i < COUNT_OF(strangers); i++)
        if (makes(strangers[i].secret, j))
            found = strangers[i].sentence;
    return found;
}

static bool
fits(const struct key_setting *k, const struct jws *j)
{
    struct error ignored;
    struct key *key = k->text.len ? key_read(SLICE_OF(k->text.ptr, k->text.len),
                                             slice_of(k->algs.count ? k->algs.items[0] : NULL),
                                             KEY_MAY_CHOOSE, &ignored)
                                  : NULL;
    bool fits = key && key_verify(key, j->algorithm, j->input, j->signature);
    key_free(&key);
    return fits;
}

static const struct key_setting *
keys_of(const struct config *c, const char *issuer)
{
    if (issuer[0] == 0)
        return c->keys;
    for (size_t i = 0; i < c->issuer_count; i++)
        if (strcmp(c->issuers[i].id, issuer) == 0)
            return c->issuers[i].keys;
    return NULL;
}

static bool
find(const struct config *c, const struct jws *j, enum role role, const char *issuer, char *out,
     size_t cap)
{
    const struct key_setting *keys = keys_of(c, issuer);
    enum role own = role == ROLE_PUBLISH ? ROLE_PUBLISH : ROLE_SUBSCRIBE;
    static const char *const names[] = {
        [ROLE_PUBLISH] = "publisher", [ROLE_SUBSCRIBE] = "subscriber"};
    if (keys == NULL || j->algorithm == NULL)
        return false;
    enum role other = own == ROLE_PUBLISH ? ROLE_SUBSCRIBE : ROLE_PUBLISH;
    if (fits(&keys[other], j)) {
        snprintf(out, cap, "it is signed with the %s's key: to %s, sign with the %s's",
                 names[other], role_name(role), names[own]);
        return true;
    }
    const char *found = find_variant(SLICE_OF(keys[own].text.ptr, keys[own].text.len), j);
    snprintf(out, cap, "%s", found ? found : "");
    return found != NULL;
}

bool
mistake_find(const struct config *c, struct slice token, enum role role, const char *issuer,
             char *out, size_t cap)
{
    struct jws j;
    struct arena arena;
    arena_init(&arena, 4 * TOKEN_MAX);
    bool found = jws_read(&j, token, &arena) == TOKEN_OK && find(c, &j, role, issuer, out, cap);
    arena_fini(&arena);
    return found;
}
