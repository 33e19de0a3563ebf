#ifndef AUTH_JWK_H
#define AUTH_JWK_H

/* JSON Web Keys (RFC 7517; RFC 7518, section 6; RFC 8037): oct, RSA, EC, OKP with Ed25519. The
 * reading of sets, jwk_set_read(), stands in auth/key_set.h. */

#include "auth/key.h"

/* One JWK, a JSON object as text. NULL: err says why. Caller owns a reference. */
struct key *jwk_read(struct slice json, struct error *);

#endif
