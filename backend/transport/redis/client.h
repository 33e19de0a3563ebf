#ifndef TRANSPORT_REDIS_CLIENT_H
#define TRANSPORT_REDIS_CLIENT_H

/* A store that is only looked into, by somebody who waits for each answer: no hub. */

#include "transport/redis/entry.h"
#include "transport/redis/place.h"
#include "transport/redis/script.h"

struct client {
    const struct redis_settings *settings; /* borrowed */
    struct place place;
    struct wire *wire; /* owns */
    struct script_keys keys;
};

/* Finds the server that has the store. False: err says why; nothing needs an end. */
MUST_CHECK bool client_open(struct client *, const struct redis_settings *, struct error *err);
void client_close(struct client *);
/* A field of the store's head, copied; empty: it is not there. */
MUST_CHECK bool client_head(struct client *, const char *field, char *out, size_t size,
                            struct error *err);

/* The entries behind `after` (run 0: from the beginning), a piece of bounded size, good until the
 * next question; none: that was all. NULL: err says why. */
MUST_CHECK const struct resp *client_entries(struct client *, struct position after,
                                             struct error *err);

#endif
