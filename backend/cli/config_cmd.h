#ifndef CLI_CONFIG_CMD_H
#define CLI_CONFIG_CMD_H

#include "cli/call.h"

int config_check(const struct call *); /* `alipes config check` */
/* What the tables say, without a configuration: `alipes config --help`, --man, --man-metrics. */
int config_print(const struct call *);

#endif
