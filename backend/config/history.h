#ifndef CONFIG_HISTORY_H
#define CONFIG_HISTORY_H

/* transport, transport_url, durability: directives that say more than one thing. */

#include "config/block.h"

/* `args` without the directive's name; `block` is what its block holds. */
MUST_CHECK bool history_set_transport(struct config_reading *, bool is_url,
                                      const struct slice *args, size_t count,
                                      const struct block_word *block, size_t block_count,
                                      struct error *);
MUST_CHECK bool history_set_durability(struct config_reading *, const struct slice *args,
                                       size_t count, struct error *);

#endif
