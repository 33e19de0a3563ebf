#ifndef CLI_DAEMON_CMD_H
#define CLI_DAEMON_CMD_H

#include "cli/call.h"

int daemon_start(const struct call *);
int daemon_stop(const struct call *);
int daemon_status(const struct call *);

#endif
