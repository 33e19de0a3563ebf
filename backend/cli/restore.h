#ifndef CLI_RESTORE_H
#define CLI_RESTORE_H

#include "base/error.h"
#include "transport/log/store.h"

#include <stdio.h>

struct restored {
    uint64_t lines, updates, lost, kept; /* `lost`: left out; `kept`: by retention */
};

/* Reads lines of event_line.h into an empty history, in their order. False: err says why, and the
 * line's number where a line is to blame; what came before it is there. */
MUST_CHECK bool restore_from(FILE *in, const struct store_settings *, struct restored *ret,
                             struct error *err);

#endif
