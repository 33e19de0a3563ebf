#ifndef CONFIG_ISSUER_H
#define CONFIG_ISSUER_H

/* issuer ID { authorization_server; publisher { jwt KEY [ALG] | jwks_uri URL [ALG…] };
 * subscriber { … } } */

#include "config/block.h"

/* Reads what stands inside the block. On failure the line of the reading is the line that is wrong.
 */
MUST_CHECK bool issuer_read(struct config_reading *, struct slice id,
                            const struct block_word *words, size_t count, struct error *);
/* An issuer with the keys that the roles have at the top level (MERCURE_TRUSTED_ISSUERS). */
MUST_CHECK bool issuer_add_with_own_keys(struct config_reading *, struct slice id, struct error *);

#endif
