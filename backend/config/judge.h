#ifndef CONFIG_JUDGE_H
#define CONFIG_JUDGE_H

/* What only the whole of a configuration tells. */

#include "config/reading.h"

/* What is wrong or unwise: to the errors and notes of its configuration. */
void judge_config(struct config_reading *);

/* max_update_size alone, which body and history bound: again where a reload kept one of these. */
void judge_update_size(struct config *); /* to its errors */

/* max_bytes alone: where none was given, what is usual for the transport. */
void judge_history_size(struct config *);

#endif
