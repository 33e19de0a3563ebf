#ifndef CLI_DOCTOR_DOCTOR_CMD_H
#define CLI_DOCTOR_DOCTOR_CMD_H

#include "cli/call.h"

/* `alipes doctor`: 0 where nothing is bad, 1 where something is. */
int doctor_cmd(const struct call *);

#endif
