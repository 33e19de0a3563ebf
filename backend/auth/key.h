#ifndef AUTH_KEY_H
#define AUTH_KEY_H

/* One key that verifies: a secret, or the public half of a pair. Immutable, any thread; the
 * reference count is atomic. */

#include "auth/algorithm.h"
#include "base/error.h"

#include <stdbool.h>

enum {
    KEY_MARK_LEN = 16,
    KEY_TEXT_MAX = 65536, /* bytes of a PEM, a JWK, a secret, a file of them */
};

struct key;

/* What to do with a key that is no secret and comes without an algorithm's name. */
enum key_default {
    KEY_MUST_NAME,  /* a directive: refused */
    KEY_MAY_CHOOSE, /* the environment: RS256, EdDSA or the curve's ES */
};

/* Reads KEY [ALG] of a directive: a secret, a PEM (line ends may be written out as \n) or a JWK.
 * `alg` may be empty. NULL: err says why, without the
 * key's text. Caller owns a reference. */
struct key *key_read(struct slice text, struct slice alg, enum key_default, struct error *);
struct key *key_ref(struct key *);
void key_unref(struct key **); /* sets the pointer to NULL; NULL is fine */

enum key_kind key_kind_of(const struct key *);
/* The one it was configured for, or its JWK's `alg`; NULL: any that fits its kind. */
const struct algorithm *key_algorithm(const struct key *);
struct slice key_kid(const struct key *); /* of a JWK; empty: none */
/* Tells keys apart, also over a reload; no secret can be found from it. KEY_MARK_LEN bytes. */
const unsigned char *key_mark(const struct key *);

/* What an operator should hear about it: a short or a well-known secret, a private key where the
 * public one would do. False: nothing. `loopback_only`: well-known secrets are fine. */
bool key_warning(const struct key *, bool loopback_only, struct error *ret_sentence);

/* Does the signature fit? The algorithm must fit the key: false otherwise. */
bool key_verify(const struct key *, const struct algorithm *, struct slice input,
                struct slice signature);
bool key_fits(const struct key *, const struct algorithm *);

#endif
