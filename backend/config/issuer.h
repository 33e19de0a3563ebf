#ifndef CONFIG_ISSUER_H
#define CONFIG_ISSUER_H

/* issuer ID { authorization_server; publisher { jwt KEY [ALG] | jwks_uri URL [ALG…] };
 * subscriber { … } } */

#include "config/lexer.h"
#include "config/reading.h"

/* A word of a block, or what stands between words. */
struct block_word {
    enum lexeme kind; /* LEX_WORD, LEX_OPEN, LEX_CLOSE, LEX_LINE_END */
    struct slice text;
    unsigned line;
};

/* Reads what stands inside the block. On failure the line of the reading is the line that is wrong.
 */
MUST_CHECK bool issuer_read(struct config_reading *, struct slice id,
                            const struct block_word *words, size_t count, struct error *);
/* An issuer with the keys that the roles have at the top level (MERCURE_TRUSTED_ISSUERS). */
MUST_CHECK bool issuer_add_with_own_keys(struct config_reading *, struct slice id, struct error *);

#endif
