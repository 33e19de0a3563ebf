#ifndef AUTH_GRANT_H
#define AUTH_GRANT_H

/* What a good token allows. Immutable, any thread; the reference counts are atomic. What grants
 * have in common, their rights, is interned: tokens that differ in `exp` or `iat` share it. */

#include "auth/key.h"
#include "auth/refusal.h"
#include "topic/topic.h"

#include <stdatomic.h>

struct rights;

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
    struct rights *rights;   /* owns a reference */
    const char *no_rights;   /* static: why a token that is good grants nothing; NULL: it does, or
                              * its arrays are empty */
};

/* Does it grant the action on anything at all? */
bool grant_has(const struct grant *, enum role action);
/* One topic alone. */
bool grant_allows_publish(const struct grant *, const struct topic *);
bool grant_allows_subscribe(const struct grant *, const struct topic *);
/* Several topics of one update, under one budget: begin with *steps of grant_budget(topics). */
uint64_t grant_budget(const struct grant *, size_t topics);
/* What has to be worked out about the topic first: the steps that took, none of the budget. */
uint64_t grant_prepare(const struct grant *, const struct topic *);
bool grant_allows(const struct grant *, enum role action, const struct topic *, uint64_t *steps);
/* The payload that the events of a subscription carry: JSON on one line, as it stood in the token.
 * `match` is the subscription's matcher as text (1.0: PROTOCOL.md, "Active subscriptions"; 0.x: it
 * does not matter). False: none. Borrowed from the grant. */
bool grant_payload(const struct grant *, struct slice match, struct slice *ret_json);
struct grant *grant_ref(struct grant *);
void grant_unref(struct grant **); /* sets the pointer to NULL; NULL is fine */

#endif
