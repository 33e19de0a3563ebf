#ifndef AUTH_GRANT_H
#define AUTH_GRANT_H

/* What a good token says, its rights apart: those are asked themselves (auth/rights.h). Immutable,
 * any thread; the reference counts are atomic. What grants have in common, their rights, is
 * interned: tokens that differ in `exp` or `iat` share it. */

#include "auth/key.h"
#include "auth/refusal.h"
#include "auth/rights.h"

#include <stdatomic.h>

struct grant {
    atomic_uint refs;
    enum dialect dialect;
    enum role role; /* whose key verified it */
    bool has_exp;
    double exp;        /* seconds since 1970; the first moment at which it is refused, leeway
                        * included */
    uint64_t key_hash; /* of the token: streams are counted by it */
    unsigned char mark[KEY_MARK_LEN]; /* of the key that verified it */
    const struct algorithm *algorithm;
    char *issuer, *audience; /* owns; 1.0: the `iss`, and the aud it was judged by; else NULL */
    char *subject;           /* owns; NULL: the token names none */
    struct rights *rights;   /* owns a reference */
    const char *no_rights;   /* static: why a token that is good grants nothing; NULL: it does, or
                              * its arrays are empty */
};

struct grant *grant_ref(struct grant *);
void grant_unref(struct grant **); /* sets the pointer to NULL; NULL is fine */

#endif
