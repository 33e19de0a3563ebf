#ifndef AUTH_JWK_H
#define AUTH_JWK_H

/* JSON Web Keys (RFC 7517; RFC 7518, section 6; RFC 8037): oct, RSA, EC, OKP with Ed25519. */

#include "auth/key_set.h"

enum {
    JWK_SET_MAX = 262144 /* bytes of a JWK set's text */
};

/* One JWK, a JSON object as text. NULL: err says why. Caller owns. */
struct key *jwk_read(struct slice json, struct error *);
/* A JWK set (RFC 7517, section 5). Keys of unknown types, for encryption, or too weak are passed
 * over and counted; where none is left, err says why the last one was, and the set is one that
 * vouches for nobody. NULL: err says why (no JSON, no list of keys, more than KEY_SET_MAX).
 * Caller owns a reference. */
struct key_set *jwk_set_read(struct slice json, struct error *);

#endif
