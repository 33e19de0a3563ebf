/* grant - one token's own part: when it ends and who vouched; the rest is rights. */

#include "auth/grant.h"

#include "auth/rights.h"
#include "base/alloc.h"

#include <stdlib.h>

bool
grant_has(const struct grant *g, enum role action)
{
    return rights_has(g->rights, action);
}

uint64_t
grant_budget(const struct grant *g, size_t topics)
{
    return rights_budget(g->rights, topics);
}

uint64_t
grant_prepare(const struct grant *g, const struct topic *topic)
{
    return rights_prepare(g->rights, topic);
}

bool
grant_allows(const struct grant *g, enum role action, const struct topic *topic, uint64_t *steps)
{
    return rights_allow(g->rights, action, topic, steps);
}

bool
grant_allows_publish(const struct grant *g, const struct topic *topic)
{
    uint64_t steps = rights_budget(g->rights, 1);
    return rights_allow(g->rights, ROLE_PUBLISH, topic, &steps);
}

bool
grant_allows_subscribe(const struct grant *g, const struct topic *topic)
{
    uint64_t steps = rights_budget(g->rights, 1);
    return rights_allow(g->rights, ROLE_SUBSCRIBE, topic, &steps);
}

bool
grant_payload(const struct grant *g, struct slice match, struct slice *ret_json)
{
    return rights_payload(g->rights, match, ret_json);
}

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
    free(g);
}
