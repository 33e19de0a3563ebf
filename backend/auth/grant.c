/* grant - one token's own part: when it ends and who vouched; the rest is rights. */

#include "auth/grant.h"

#include "base/alloc.h"

#include <stdlib.h>

struct grant *
grant_ref(struct grant *g)
{
    atomic_fetch_add_explicit(&g->refs, 1, memory_order_relaxed);
    return g;
}

void
grant_unref(struct grant **ref)
{
    struct grant *g = *ref;
    *ref = NULL;
    if (g == NULL || atomic_fetch_sub_explicit(&g->refs, 1, memory_order_acq_rel) != 1)
        return;
    rights_unref(&g->rights);
    free(g->issuer);
    free(g->audience);
    free(g->subject);
    free(g);
}
