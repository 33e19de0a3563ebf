#ifndef CLI_LINES_IN_H
#define CLI_LINES_IN_H

/* The lines of a dump as they come in, with what a person at a terminal should know. */

#include "base/compiler.h"
#include "base/error.h"
#include "base/slice.h"

#include <stdio.h>

/* Calls `take` for each line that is not blank, and says how far it is. A signal that would end the
 * program (SIGINT, SIGTERM, SIGHUP) ends this instead. False: err says why it did not come to the
 * end. */
MUST_CHECK bool lines_in(FILE *, bool (*take)(void *context, struct slice line, struct error *),
                         void *context, uint64_t *ret_lines, struct error *);

#endif
