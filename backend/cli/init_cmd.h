#ifndef CLI_INIT_CMD_H
#define CLI_INIT_CMD_H

#include "cli/call.h"

int init_cmd(const struct call *);

#endif
