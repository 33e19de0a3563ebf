#ifndef AUTH_GRANT_H
#define AUTH_GRANT_H

/* What a token allows. Immutable; the reference count is atomic. */

#include "auth/jws.h"

#include <stdatomic.h>

struct grant {
    atomic_uint refs;
    bool publish_all, subscribe_all; /* the selector `*` */
    bool has_exp;
    double exp;                        /* seconds since 1970 */
    uint64_t key_hash;                 /* of the token: streams are counted by it */
    struct slice *publish, *subscribe; /* owned, sorted */
    size_t publish_count, subscribe_count;
};

/* Verifies a token of 0.x and reads its claims. On TOKEN_OK the caller owns *ret_grant. */
MUST_CHECK enum token_fault token_verify_0x(const struct key *, struct slice token, uint64_t now_ms,
                                            struct grant **ret_grant);
/* The claims alone (PROTOCOL.md, "0.x tokens"). */
MUST_CHECK enum token_fault claims_read(struct slice json, uint64_t now_ms,
                                        struct grant **ret_grant);
bool grant_allows_publish(const struct grant *, struct slice topic);
bool grant_allows_subscribe(const struct grant *, struct slice topic);
struct grant *grant_ref(struct grant *);
void grant_unref(struct grant **); /* sets the pointer to NULL; NULL is fine */

#endif
