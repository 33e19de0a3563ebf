#ifndef AUTH_KEY_MAKE_H
#define AUTH_KEY_MAKE_H

/* How pem.c and jwk.c make keys; nobody else does. */

#include "auth/key.h"

struct evp_pkey_st;

/* `algorithm` NULL: any that fits. NULL: err says why. Caller owns a reference. */
struct key *key_new_secret(struct slice secret, const struct algorithm *, struct error *);
/* Borrows the pair and keeps a copy of its public half. */
struct key *key_new_pair(struct evp_pkey_st *, bool is_private, const struct algorithm *,
                         struct error *);
void key_set_kid(struct key *, struct slice kid); /* once, before it is shared */

#endif
