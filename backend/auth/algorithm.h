#ifndef AUTH_ALGORITHM_H
#define AUTH_ALGORITHM_H

/* The signature algorithms (RFC 7518, section 3; RFC 8037), one row each, and what a key must be
 * to fit them. */

#include "base/slice.h"

enum key_kind {
    KEY_SECRET,
    KEY_RSA,
    KEY_P256,
    KEY_P384,
    KEY_P521,
    KEY_ED25519,
};

/* How a signature looks and is checked. */
enum algorithm_form {
    FORM_HMAC,
    FORM_PKCS1,
    FORM_PSS,   /* the salt as long as the digest */
    FORM_ECDSA, /* r and s, each as long as the curve's order */
    FORM_EDDSA,
};

struct algorithm {
    const char *name;
    enum key_kind kind;
    enum algorithm_form form;
    const char *digest; /* NULL: the algorithm's own */
    size_t size;        /* of a MAC, or of r and of s; 0: the key tells */
};

enum {
    ALGORITHM_COUNT = 13
};

/* A set of algorithms. */
typedef uint32_t algorithm_mask;

/* Names are compared byte for byte: NULL for `none`, `hs256` and all others. */
const struct algorithm *algorithm_find(struct slice name);
size_t algorithm_index(const struct algorithm *); /* its row */
algorithm_mask algorithm_bit(const struct algorithm *);
algorithm_mask algorithm_asymmetric(void);
/* The one that is taken where a key comes without a name: HS256, RS256, the curve's. */
const struct algorithm *algorithm_of_kind(enum key_kind);
const char *key_kind_name(enum key_kind); /* "an RSA key" */

#endif
