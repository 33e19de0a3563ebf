#ifndef CLI_INSIGHT_H
#define CLI_INSIGHT_H

/* What a hub tells those who may read its metrics: GET at the first address of metrics_listen. */

#include "base/buf.h"
#include "base/compiler.h"
#include "cli/call.h"
#include "config/config.h"

/* The configuration of a call, which must have metrics_listen. Caller owns. NULL: it was said what
 * is missing. */
struct config *insight_open(const struct call *);
/* `body` is initialised here. False: it was said why. */
MUST_CHECK bool insight_ask(const struct call *, const struct config *, const char *path,
                            struct buf *body);

#endif
