#ifndef CLI_DOCTOR_PROGRAM_H
#define CLI_DOCTOR_PROGRAM_H

/* Another program, asked for one line. */

#include "base/error.h"

#include <stddef.h>

/* The first line that `path` prints when it is run with that argument (at most a few seconds), in
 * `out`. False: it cannot be run, or says nothing. */
bool program_line(const char *path, const char *argument, char *out, size_t cap);

#endif
