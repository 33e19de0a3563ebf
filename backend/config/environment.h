#ifndef CONFIG_ENVIRONMENT_H
#define CONFIG_ENVIRONMENT_H

/* MERCURE_… variables (alipes.conf(5)) as a configuration. */

#include "config/config.h"

void environment_read(struct config *); /* what is wrong: to its errors, by the variable's name */
bool environment_says_something(void);  /* is there any MERCURE_… variable? */

#endif
