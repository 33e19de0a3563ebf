#ifndef REQUEST_RULES_H
#define REQUEST_RULES_H

/* What holds at a moment: a configuration, and whose tokens count under it. Immutable, any thread;
 * the reference count is atomic. A reload makes new ones; a request ends under those it began
 * with. */

#include "auth/authority.h"
#include "config/config.h"

struct rules {
    atomic_uint refs;
    const struct config *config;       /* owns */
    const struct authority *authority; /* owns */
};

struct rules *rules_new(struct config *, struct authority *); /* takes both; caller owns */
struct rules *rules_ref(struct rules *);
void rules_unref(struct rules **); /* sets the pointer to NULL; NULL is fine */

#endif
