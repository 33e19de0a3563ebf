#ifndef CLI_RESTORE_H
#define CLI_RESTORE_H

#include "base/error.h"
#include "transport/disk/store.h"

#include <stdio.h>
#include <sys/types.h>

struct restored {
    uint64_t lines, updates, kept;  /* `kept`: by retention */
    uint64_t lost, begins_and_ends; /* left out */
    bool was_undone;                /* it did not come to its end, and the folder is empty again */
    uid_t owner;                    /* of the files, where it is not who asked; else 0 */
};

/* Root's files are of no use to a hub: it works on as the owner of the folder, or of the one that
 * it is to be made in. Reads lines of event_line.h into an empty history, in their order. False:
 * err says why, and the line's number where a line is to blame; the history is empty then. */
MUST_CHECK bool restore_from(FILE *in, const struct store_settings *, struct restored *ret,
                             struct error *err);

#endif
