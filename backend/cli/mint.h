#ifndef CLI_MINT_H
#define CLI_MINT_H

/* Tokens, made. */

#include "base/buf.h"
#include "base/dialect.h"
#include "config/config.h"

enum {
    MINT_MAX = 1 << 20 /* bytes of a buffer that a token is made in */
};

/* What is wished; NULL: not said. */
struct mint {
    const char *issuer, *audience, *alg, *payload, *dialect;
    struct string_list publish, subscribe; /* of topics; 1.0: exact:TOPIC, urlpattern:PATTERN */
    uint64_t exp_ms;
    enum dialect speaks; /* mint_token() settles it */
};

/* Adds it to `out`. `own_key`: a secret or a private key as PEM; empty: the configuration's, which
 * may be NULL otherwise. */
MUST_CHECK bool mint_token(struct mint *, const struct config *, struct slice own_key,
                           struct buf *out, struct error *);
void mint_fini(struct mint *);

#endif
