#ifndef AUTH_KEY_H
#define AUTH_KEY_H

/* One key that verifies: a secret, or the public half of a pair. Immutable once shared, any
 * thread. */

#include "auth/algorithm.h"
#include "base/error.h"

#include <stdbool.h>

enum {
    KEY_MARK_LEN = 16
};

struct evp_pkey_st; /* OpenSSL's EVP_PKEY */
struct key;

/* `algorithm` NULL: any that fits. NULL: err says why, without the key's text. Caller owns. */
struct key *key_new_secret(struct slice secret, const struct algorithm *, struct error *);
/* Borrows the pair and keeps a copy of its public half. */
struct key *key_new_pair(struct evp_pkey_st *, bool is_private, const struct algorithm *,
                         struct error *);
void key_free(struct key **); /* sets the pointer to NULL; NULL is fine */
/* Once each, before it is shared. */
void key_set_kid(struct key *, struct slice kid);
void key_set_algorithm(struct key *, const struct algorithm *);

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
