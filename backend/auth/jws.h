#ifndef AUTH_JWS_H
#define AUTH_JWS_H

/* JSON Web Signature, compact form (RFC 7515), verified with OpenSSL's EVP. The algorithm is the
 * key's, never the token's. */

#include "base/arena.h"
#include "base/error.h"

enum {
    TOKEN_MAX = 16384, /* bytes of a token */
};

/* Why a token is refused: words for the log, never for the reply. */
#define TOKEN_FAULTS(X)                                                                            \
    X(OK, "ok")                                                                                    \
    X(TOO_LARGE, "too_large")                                                                      \
    X(MALFORMED, "malformed")                                                                      \
    X(BAD_HEADER, "bad_header")                                                                    \
    X(BAD_TYP, "typ_of_another_dialect")                                                           \
    X(BAD_ALG, "alg_is_not_the_keys")                                                              \
    X(CRIT, "crit")                                                                                \
    X(BAD_SIGNATURE, "bad_signature")                                                              \
    X(BAD_CLAIMS, "bad_claims")                                                                    \
    X(EXPIRED, "expired")                                                                          \
    X(NOT_YET_VALID, "not_yet_valid")

enum token_fault {
#define X(name, word) TOKEN_##name,
    TOKEN_FAULTS(X)
#undef X
};

const char *token_fault_name(enum token_fault);

struct key;

/* An HMAC key for that algorithm. NULL: err says why. Caller owns. Usable by any thread. */
struct key *key_new_hmac(const char *alg, struct slice secret, struct error *);
void key_free(struct key **);

/* Checks form, header and signature; *ret_payload is the decoded payload, in the arena. Tokens of
 * 1.0 (`typ` at+jwt) are refused here: this hub speaks 0.x. */
MUST_CHECK enum token_fault jws_verify(const struct key *, struct slice token, struct arena *,
                                       struct slice *ret_payload);

#endif
