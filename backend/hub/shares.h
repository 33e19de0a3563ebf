#ifndef HUB_SHARES_H
#define HUB_SHARES_H

/* What streams brought into a worker's index, in all and by client: so that no client takes a bound
 * for itself. One thread. */

#include "hub/linear_hash.h"

#include <stdint.h>

/* What is counted, each under a bound of its own. */
enum share_kind {
    SHARE_PATTERNS,
    SHARE_UNFIXED, /* of the patterns: every topic has to be tried with them */
    SHARE_BASES,   /* URLs of the hub with URL Patterns */
    SHARE_BYTES,
    SHARE_KINDS,
};

struct share; /* of one client */

struct shares {
    struct linear_hash clients;
    struct share **numbered; /* owns; number 0 is nobody's */
    uint32_t *spare;         /* owns: numbers that were given back */
    uint32_t used, spare_count, cap;
    struct share *latest; /* who brings one thing mostly brings another */
    size_t held[SHARE_KINDS];
};

struct shares_limits {
    size_t most[SHARE_KINDS];
    size_t of_client[SHARE_KINDS];
};

enum shares_answer {
    SHARES_TAKEN,
    SHARES_FULL,    /* *ret_kind: of what */
    SHARES_HOARDED, /* the client has its share of it */
};

void shares_init(struct shares *);
void shares_fini(struct shares *); /* nothing is held */
/* All of these amounts for `client` (0: for nobody in particular), or none of them. *ret_share is
 * the number under which they are given back. */
MUST_CHECK enum shares_answer shares_take(struct shares *, uint64_t client,
                                          const size_t amounts[SHARE_KINDS],
                                          const struct shares_limits *, uint32_t *ret_share,
                                          enum share_kind *ret_kind);
void shares_give(struct shares *, uint32_t share, const size_t amounts[SHARE_KINDS]);

#endif
