#ifndef CLI_STAT_CMD_H
#define CLI_STAT_CMD_H

#include "cli/call.h"

int stat_cmd(const struct call *); /* `alipes stat` */

#endif
