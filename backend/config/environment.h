#ifndef CONFIG_ENVIRONMENT_H
#define CONFIG_ENVIRONMENT_H

/* MERCURE_… variables (alipes.conf(5)) as a configuration. */

#include "config/config.h"

MUST_CHECK bool environment_read(struct config *, struct error *);

#endif
