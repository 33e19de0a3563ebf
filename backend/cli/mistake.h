#ifndef CLI_MISTAKE_H
#define CLI_MISTAKE_H

/* A signature that fits no key of the configuration: was it made with what people sign with by
 * mistake? */

#include "auth/refusal.h"
#include "config/config.h"

/* `role` and `issuer` (empty: 0.x) name the key that was asked. A sentence in `out`; false: it was
 * none of the mistakes that are known. */
bool mistake_find(const struct config *, struct slice token, enum role role, const char *issuer,
                  char *out, size_t cap);

#endif
