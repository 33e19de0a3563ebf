#ifndef CLI_KEY_TRIAL_H
#define CLI_KEY_TRIAL_H

/* The keys of a configuration, read as the hub reads them at its start, but that nothing is
 * fetched. What is wrong goes to its errors; what an operator should hear to `notes` (NULL:
 * nowhere). */

#include "config/config.h"

void key_trial_run(struct config *, struct string_list *notes);

#endif
