/* hub - construction of what the process shares and of what each worker has for itself. */

#include "hub/hub.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "hub/admit.h"
#include "hub/reload.h"
#include "hub/stream.h"
#include "metrics/metrics.h"

#include <stdlib.h>
#include <string.h>

enum {
    RETRY_MIN_MS = 1000,
    RETRY_SPREAD_MS = 4000,
};

struct hub *
hub_new(struct rules *rules, struct transport *transport, struct fetcher *fetcher)
{
    struct hub *hub = xalloc(sizeof *hub);
    hub->rules = rules_ref(rules);
    hub->config = rules->config;
    hub->transport = transport;
    hub->fetcher = fetcher;
    hub->by_token = quota_new();
    hub->by_address = quota_new();
    hub->struck = struck_new();
    return hub;
}

void
hub_free(struct hub **ref)
{
    struct hub *hub = *ref;
    *ref = NULL;
    if (hub == NULL)
        return;
    rules_unref(&hub->rules);
    quota_free(&hub->by_token);
    quota_free(&hub->by_address);
    struck_free(&hub->struck);
    free(hub);
}

struct hub_worker *
hub_worker_new(struct hub *hub, struct worker *worker)
{
    struct hub_worker *home = xalloc(sizeof *home);
    home->hub = hub;
    hub->workers++;
    home->worker = worker;
    index_init(&home->index);
    delivery_init(&home->delivery, worker);
    joining_init(&home->joining, worker);
    home->rules = rules_ref(hub->rules);
    hub_set_limits(home);
    list_init(&home->waiting);
    home->tokens = token_cache_new(hub->config->token_cache);
    list_init(&home->streams);
    tail_init(&home->tail, hub->config->tail);
    list_init(&home->catching_up);
    list_init(&home->hungry);
    home->catch_up.hook.run = stream_catch_up_all;
    worker_add_hook(worker, &home->catch_up.hook);
    home->sweep.hook.run = reload_sweep;
    worker_add_hook(worker, &home->sweep.hook);
    worker_set_local(worker, home);
    return home;
}

void
hub_worker_free(struct hub_worker **ref)
{
    struct hub_worker *home = *ref;
    *ref = NULL;
    if (home == NULL)
        return;
    delivery_fini(&home->delivery);
    tail_fini(&home->tail);
    index_fini(&home->index);
    token_cache_free(&home->tokens);
    rules_unref(&home->rules);
    free(home);
}

struct hub_worker *
hub_worker_of(struct worker *worker)
{
    return worker_local(worker);
}

/* The part of a bound that one client may have: at least one. */
static size_t
share_of(const struct config *c, size_t bound)
{
    return bound > c->client_share ? bound / c->client_share : bound ? 1 : 0;
}

void
hub_set_limits(struct hub_worker *home)
{
    const struct config *c = home->rules->config;
    struct shares_limits *l = &home->index.limits;
    l->most[SHARE_PATTERNS] = c->max_patterns;
    l->most[SHARE_UNFIXED] = c->max_unfixed_patterns;
    l->most[SHARE_BASES] = c->max_pattern_bases;
    l->most[SHARE_BYTES] = c->max_index_bytes;
    for (size_t kind = 0; kind < SHARE_KINDS; kind++)
        l->of_client[kind] = share_of(c, l->most[kind]);
    if (c->public_urls.count || c->resource_identifier)
        l->of_client[SHARE_BASES] = SIZE_MAX; /* no client can name another one */
    matcher_set_steps(c->max_match_steps);
    topic_set_room(c->tail);
}

unsigned
hub_retry_ms(struct hub_worker *home)
{
    return RETRY_MIN_MS + (unsigned)(id_random(worker_ids(home->worker)) % RETRY_SPREAD_MS);
}

void
hub_receive(struct worker *worker, struct message *m)
{
    delivery_receive(hub_worker_of(worker), m);
}

void
hub_end_streams(struct hub_worker *home)
{
    admit_end_waiting(home);
    joining_end(&home->joining);
    delivery_end_streams(home);
}
