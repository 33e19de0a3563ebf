#ifndef CLI_TOKEN_INSPECT_H
#define CLI_TOKEN_INSPECT_H

#include "cli/call.h"

/* `alipes token inspect`. Exit status: 0 the hub takes it, 1 it does not, 2 it was not asked. */
int token_inspect(const struct call *);

#endif
