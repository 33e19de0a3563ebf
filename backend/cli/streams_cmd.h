#ifndef CLI_STREAMS_CMD_H
#define CLI_STREAMS_CMD_H

#include "cli/call.h"

int streams_cmd(const struct call *); /* `alipes streams` */

#endif
