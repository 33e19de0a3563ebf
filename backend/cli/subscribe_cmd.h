#ifndef CLI_SUBSCRIBE_CMD_H
#define CLI_SUBSCRIBE_CMD_H

#include "cli/call.h"

int subscribe_cmd(const struct call *); /* `alipes subscribe` */

#endif
