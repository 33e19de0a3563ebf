#ifndef CLI_TRACE_CMD_H
#define CLI_TRACE_CMD_H

#include "cli/call.h"

/* Exit status: 1 where the hub does not answer, refuses, or has ended it; 2 for a wrong
 * configuration. It ends by a signal otherwise. */
int trace_cmd(const struct call *);

#endif
