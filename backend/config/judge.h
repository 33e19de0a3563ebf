#ifndef CONFIG_JUDGE_H
#define CONFIG_JUDGE_H

/* What only the whole of a configuration tells. */

#include "config/config.h"

void judge_config(struct config *); /* to its errors and notes */

#endif
