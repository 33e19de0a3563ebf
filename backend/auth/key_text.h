#ifndef AUTH_KEY_TEXT_H
#define AUTH_KEY_TEXT_H

/* From the text of a key to the key. */

#include "auth/key.h"

enum {
    KEY_TEXT_MAX = 65536 /* bytes of a PEM, a JWK, a secret, a file of them */
};

/* What to do with a key that is no secret and comes without an algorithm's name. */
enum key_default {
    KEY_MUST_NAME,  /* a directive: refused */
    KEY_MAY_CHOOSE, /* the environment: RS256, EdDSA or the curve's ES */
};

/* Reads KEY [ALG] of a directive: a secret, a PEM (line ends may be written out as \n) or a JWK.
 * `alg` may be empty. NULL: err says why, without the
 * key's text. Caller owns. */
struct key *key_read(struct slice text, struct slice alg, enum key_default, struct error *);

#endif
