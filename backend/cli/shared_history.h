#ifndef CLI_SHARED_HISTORY_H
#define CLI_SHARED_HISTORY_H

/* alipes history of a history that is in Redis. */

#include "base/error.h"
#include "cli/sieve.h"
#include "config/settings.h"

#include <stdint.h>
#include <stdio.h>

/* False: err says why. */
MUST_CHECK bool shared_history_stat(const struct config *, struct error *err);
/* Lines of event_line.h, of those that the sieve takes. *ret_any: some were written. */
MUST_CHECK bool shared_history_dump(const struct config *, const struct sieve *, FILE *out,
                                    bool *ret_any, struct error *err);
/* Into a store that holds nothing. *ret_updates are there. */
MUST_CHECK bool shared_history_restore(const struct config *, FILE *in, uint64_t *ret_updates,
                                       struct error *err);

#endif
