#ifndef AUTH_PEM_H
#define AUTH_PEM_H

/* PEM (RFC 7468): a public key, a certificate, or a private key without a pass phrase. */

#include "base/error.h"
#include "base/slice.h"

struct evp_pkey_st; /* OpenSSL's EVP_PKEY */

bool pem_is(struct slice text); /* does it begin as PEM does, blanks aside? */
/* Line ends may be written out as \n. NULL: err says why. Caller owns. *ret_private: it holds the
 * private half too. */
struct evp_pkey_st *pem_read(struct slice text, bool *ret_private, struct error *);
/* Is it a public key in another dress (DER, its base64, OpenSSH's line)? Such a thing is no
 * secret. */
bool pem_is_disguised(struct slice text);

#endif
