#ifndef CLI_HISTORY_CMD_H
#define CLI_HISTORY_CMD_H

#include "cli/call.h"

/* `alipes history stat`, check, dump and restore. */
int history_cmd(const struct call *);

#endif
