#ifndef TRANSPORT_REDIS_SCRIPT_H
#define TRANSPORT_REDIS_SCRIPT_H

/* The scripts: each is one step that nobody comes between (backend/transport/redis/NAME.lua tells
 * its arguments and its answer). */

#include "base/buf.h"

#include <stdbool.h>

enum script {
    SCRIPT_JOIN,
    SCRIPT_HEAL,
    SCRIPT_OPEN,
    SCRIPT_PUBLISH,
    SCRIPT_FIND,
    SCRIPT_ROLL,
    SCRIPT_LEASE,
    SCRIPTS,
};

/* Of one store: what its keys are called. */
struct script_keys {
    char head[136], stream[136], roll[136];
};

/* `name`: at most 128 bytes. */
void script_name_keys(struct script_keys *, const char *name);
/* The call, of which so many arguments are to follow. `whole`: with its text, for a server that
 * does not have it yet; else by its digest. */
void script_begin(struct buf *, enum script, const struct script_keys *, bool whole, size_t args);

#endif
