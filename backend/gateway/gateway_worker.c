/* gateway_worker - what a worker's connections go by. */

#include "gateway/gateway_worker.h"

void
gateway_worker_init(struct gateway_worker *gw, struct gateway_shared *shared, struct rules *rules)
{
    gw->shared = shared;
    gw->rules = rules_ref(rules);
    gw->config = rules->config;
    list_init(&gw->links);
    list_init(&gw->holding);
}

void
gateway_worker_fini(struct gateway_worker *gw)
{
    gw->config = NULL;
    rules_unref(&gw->rules);
}

void
gateway_worker_settle(struct gateway_worker *gw, struct rules *rules)
{
    rules_unref(&gw->rules);
    gw->rules = rules_ref(rules);
    gw->config = rules->config;
}
