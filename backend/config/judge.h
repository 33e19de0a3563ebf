#ifndef CONFIG_JUDGE_H
#define CONFIG_JUDGE_H

/* What only the whole of a configuration tells. */

#include "config/config.h"

void judge_config(struct config *); /* to its errors and notes */

/* max_update_size alone, which body and history bound: again where a reload kept one of these. */
void judge_update_size(struct config *); /* to its errors */

#endif
