#ifndef CONFIG_ENVIRONMENT_H
#define CONFIG_ENVIRONMENT_H

/* MERCURE_… variables (alipes.conf(5)) as a configuration. */

#include "config/reading.h"

/* What is wrong goes to the errors, by the variable's name. */
void environment_read(struct config_reading *);
bool environment_says_something(void); /* is there any MERCURE_… variable? */

#endif
