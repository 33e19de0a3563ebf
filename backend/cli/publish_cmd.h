#ifndef CLI_PUBLISH_CMD_H
#define CLI_PUBLISH_CMD_H

#include "cli/call.h"

int publish_cmd(const struct call *); /* `alipes publish` */

#endif
