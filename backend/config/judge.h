#ifndef CONFIG_JUDGE_H
#define CONFIG_JUDGE_H

/* What only the whole of a configuration tells. */

#include "config/config.h"

MUST_CHECK bool judge_config(struct config *, struct error *); /* warnings go to notes */

/* max_update_size alone, which body and history bound: again where a reload kept one of these. */
MUST_CHECK bool judge_update_size(struct config *, struct error *);

#endif
