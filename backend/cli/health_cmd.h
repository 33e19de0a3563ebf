#ifndef CLI_HEALTH_CMD_H
#define CLI_HEALTH_CMD_H

#include "cli/call.h"

/* `alipes health`. Exit status: 0, 1 where the hub is not ready or does not answer, 2 for a wrong
 * configuration. */
int health_cmd(const struct call *);

#endif
