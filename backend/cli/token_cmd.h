#ifndef CLI_TOKEN_CMD_H
#define CLI_TOKEN_CMD_H

#include "cli/call.h"

int token_cmd(const struct call *); /* `alipes token`: makes one */

#endif
