/* rules - a pair that changes as one. */

#include "request/rules.h"

#include "base/alloc.h"

#include <stdlib.h>

struct rules *
rules_new(struct config *config, struct authority *authority)
{
    struct rules *r = xalloc(sizeof *r);
    atomic_init(&r->refs, 1);
    r->config = config;
    r->authority = authority;
    return r;
}

struct rules *
rules_ref(struct rules *r)
{
    atomic_fetch_add_explicit(&r->refs, 1, memory_order_relaxed);
    return r;
}

void
rules_unref(struct rules **ref)
{
    struct rules *r = *ref;
    *ref = NULL;
    if (r == NULL || atomic_fetch_sub_explicit(&r->refs, 1, memory_order_acq_rel) != 1)
        return;
    struct config *config = (struct config *)r->config;
    struct authority *authority = (struct authority *)r->authority;
    config_free(&config);
    authority_free(&authority);
    free(r);
}
