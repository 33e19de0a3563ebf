#ifndef CLI_DUMP_H
#define CLI_DUMP_H

#include "base/error.h"
#include "cli/sieve.h"

#include <stdbool.h>
#include <stdio.h>

enum dump_end {
    DUMP_DONE,
    DUMP_REFUSED, /* the folder cannot be looked at; nothing was written */
    DUMP_FAILED,  /* what is said in err is wrong with it */
};

/* Every update of a history that the sieve takes as a line (event_line.h), oldest first: what was
 * published, and what began and ended as it stood between. */
MUST_CHECK enum dump_end dump_history(const char *path, const struct sieve *, FILE *out,
                                      struct error *err);

#endif
