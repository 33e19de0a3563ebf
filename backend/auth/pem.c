/* pem - the forms in which people hold keys.
 *
 * Environment variables and panels of hosts keep one line: there the line ends of a PEM are
 * written out, backslash and n. A pass phrase is never asked for. */

#include "auth/pem.h"

#include "base/buf.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

enum {
    MAX_TEXT = 65536
};

static struct slice
skip_blanks(struct slice text)
{
    while (text.len && (text.ptr[0] == ' ' || text.ptr[0] == '\t' || text.ptr[0] == '\n' ||
                        text.ptr[0] == '\r'))
        text = slice_from(text, 1);
    return text;
}

bool
pem_is(struct slice text)
{
    return slice_starts(skip_blanks(text), SLICE("-----BEGIN"));
}

static void
write_line_ends(struct slice text, struct buf *out)
{
    for (size_t i = 0; i < text.len; i++) {
        bool written = text.ptr[i] == '\\' && i + 1 < text.len &&
                       (text.ptr[i + 1] == 'n' || text.ptr[i + 1] == 'r');
        if (written)
            i++;
        buf_add_byte(out, written ? '\n' : text.ptr[i]);
    }
}

/* Asked for a pass phrase: there is none. */
static int
no_pass_phrase(char *into, int size, int for_writing, void *unused)
{
    (void)into;
    (void)size;
    (void)for_writing;
    (void)unused;
    return -1;
}

static EVP_PKEY *
read_certificate(BIO *in)
{
    X509 *certificate = PEM_read_bio_X509(in, NULL, no_pass_phrase, NULL);
    EVP_PKEY *key = certificate ? X509_get_pubkey(certificate) : NULL;
    X509_free(certificate);
    return key;
}

/* `RSA PUBLIC KEY`: PKCS #1, without the algorithm's name around it. */
static EVP_PKEY *
read_pkcs1(BIO *in)
{
    unsigned char *der = NULL;
    long len = 0;
    EVP_PKEY *key = NULL;
    if (PEM_bytes_read_bio(&der, &len, NULL, PEM_STRING_RSA_PUBLIC, in, no_pass_phrase, NULL)) {
        const unsigned char *at = der;
        key = d2i_PublicKey(EVP_PKEY_RSA, NULL, &at, len);
    }
    OPENSSL_free(der);
    return key;
}

EVP_PKEY *
pem_read(struct slice text, bool *ret_private, struct error *err)
{
    struct buf plain;
    EVP_PKEY *key = NULL;
    buf_init(&plain, MAX_TEXT);
    write_line_ends(skip_blanks(text), &plain);
    BIO *in = plain.failed ? NULL : BIO_new_mem_buf(plain.ptr, (int)plain.len);
    struct slice all = buf_slice(&plain);
    bool encrypted = slice_find(all, SLICE("ENCRYPTED")) < all.len;
    *ret_private = slice_find(all, SLICE("PRIVATE KEY-----")) < all.len;
    if (in == NULL)
        error_set(err, "the PEM is larger than %d bytes", MAX_TEXT);
    else if (encrypted)
        error_set(err, "the PEM is locked with a pass phrase; give the public key");
    else if (*ret_private)
        key = PEM_read_bio_PrivateKey(in, NULL, no_pass_phrase, NULL);
    else if (slice_find(all, SLICE("BEGIN CERTIFICATE-----")) < all.len)
        key = read_certificate(in);
    else if (slice_find(all, SLICE("BEGIN RSA PUBLIC KEY-----")) < all.len)
        key = read_pkcs1(in);
    else
        key = PEM_read_bio_PUBKEY(in, NULL, no_pass_phrase, NULL);
    if (key == NULL && in && !encrypted)
        error_set(err, slice_find(all, SLICE("-----END")) == all.len
                           ? "the PEM cannot be read: its last line, -----END …-----, is missing"
                           : "the PEM cannot be read: it holds neither a public key, nor a "
                             "certificate, nor a private key, or a part of it is missing");
    BIO_free(in);
    if (plain.ptr)
        OPENSSL_cleanse(plain.ptr, plain.len);
    buf_fini(&plain);
    ERR_clear_error();
    return key;
}

static bool
is_der(const unsigned char *bytes, size_t len)
{
    const unsigned char *at = bytes;
    EVP_PKEY *key = d2i_PUBKEY(NULL, &at, (long)len);
    at = bytes;
    X509 *certificate = key ? NULL : d2i_X509(NULL, &at, (long)len);
    bool found = key || certificate;
    EVP_PKEY_free(key);
    X509_free(certificate);
    ERR_clear_error();
    return found;
}

bool
pem_is_disguised(struct slice text)
{
    static const struct slice ssh[] = {SLICE_INIT("ssh-rsa "), SLICE_INIT("ssh-ed25519 "),
                                       SLICE_INIT("ecdsa-sha2-")};
    for (size_t i = 0; i < COUNT_OF(ssh); i++)
        if (slice_starts(text, ssh[i]))
            return true;
    if (text.len < 32 || text.len > MAX_TEXT)
        return false;
    if (is_der((const unsigned char *)text.ptr, text.len))
        return true;
    struct buf one_line, der;
    buf_init(&one_line, MAX_TEXT);
    buf_init(&der, MAX_TEXT);
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] != '\n' && text.ptr[i] != '\r' && text.ptr[i] != ' ')
            buf_add_byte(&one_line, text.ptr[i]);
    bool found = false;
    if (one_line.len && one_line.len % 4 == 0 && buf_reserve(&der, one_line.len)) {
        int len = EVP_DecodeBlock((unsigned char *)der.ptr, (unsigned char *)one_line.ptr,
                                  (int)one_line.len);
        found = len > 0 && is_der((unsigned char *)der.ptr, (size_t)len);
    }
    buf_fini(&one_line);
    buf_fini(&der);
    return found;
}
