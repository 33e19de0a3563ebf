#ifndef AUTH_JWS_H
#define AUTH_JWS_H

/* The compact form of a JSON Web Signature (RFC 7515), taken apart; nothing is verified here. */

#include "auth/algorithm.h"
#include "auth/refusal.h"
#include "base/arena.h"

enum {
    TOKEN_MAX = 16384, /* bytes of a token */
};

/* Slices borrow from the token or lie in the arena. */
struct jws {
    struct slice input;                /* what is signed */
    struct slice payload, signature;   /* decoded */
    const struct algorithm *algorithm; /* NULL: none that is known here */
    struct slice alg, kid;             /* as they stand in the header */
    bool has_kid;
    bool typ_is_known;    /* the header was read and has a typ */
    bool is_access_token; /* and it is that of 1.0 */
};

/* On a fault the typ_… members are still right, as far as the header could be read. */
MUST_CHECK enum token_fault jws_read(struct jws *, struct slice token, struct arena *);

#endif
