#ifndef LISTENERS_H
#define LISTENERS_H

/* The addresses that a configuration, or whoever started us, says to listen on. */

#include "config/config.h"
#include "loop/listener.h"

enum {
    LISTENERS_MAX = 80
};

struct listeners {
    struct listener *all[LISTENERS_MAX]; /* owns */
    size_t count, hub_count;             /* the first so many are the hub's, then metrics' */
};

/* False: one cannot be had, and those before it are open. */
bool listeners_open(struct listeners *, const struct config *, struct error *);
void listeners_close(struct listeners *);

#endif
