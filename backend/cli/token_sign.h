#ifndef CLI_TOKEN_SIGN_H
#define CLI_TOKEN_SIGN_H

/* A JWS in compact form, signed with a secret or a private key. */

#include "auth/algorithm.h"
#include "base/buf.h"
#include "base/error.h"

/* `key`: a secret's bytes, or a private key as PEM. `typ`: JWT or at+jwt. `claims`: a JSON object.
 * The token is added to `out`. False: err says why. */
MUST_CHECK bool token_sign(const struct algorithm *, struct slice key, const char *typ,
                           const char *claims, struct buf *out, struct error *err);

#endif
