#ifndef CLI_ASK_H
#define CLI_ASK_H

/* One GET to the running hub, from the command line. */

#include "base/buf.h"
#include "base/error.h"
#include "config/string_list.h"

/* A connected socket to the first of these addresses (of `listen` or `metrics_listen`) that can be
 * asked; it waits for some seconds. -1: err says why. */
MUST_CHECK int ask_connect(const struct string_list *addresses, const char **ret_address,
                           struct error *);
/* Asks there. True: a reply came; its status, and its body in `body` (initialised here). False: err
 * says why. */
MUST_CHECK bool ask_hub(const struct string_list *addresses, const char *path, unsigned *ret_status,
                        struct buf *body, struct error *);

#endif
