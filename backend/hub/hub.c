/* hub - construction of what the process shares and of what each worker has for itself.
 *
 * The hooks of a worker's parts run in the order in which the parts are made: what was committed is
 * delivered first. */

#include "hub/hub.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "hub/access.h"
#include "hub/catch_up.h"
#include "hub/catch_up_queue.h"
#include "hub/compile_queue.h"
#include "hub/delivery.h"
#include "hub/departures.h"
#include "hub/roster.h"
#include "hub/settling.h"
#include "hub/sweep.h"
#include "hub/tracing.h"
#include "hub/watch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct topic
make_subscriptions_path(const char *path)
{
    size_t size = strlen(path) + sizeof "/subscriptions/";
    char *text = xalloc(size);
    snprintf(text, size, "%s/subscriptions/", path);
    return topic_of(SLICE_OF(text, size - 1));
}

struct hub *
hub_new(struct rules *rules, struct transport *transport, struct fetcher *fetcher)
{
    struct hub *hub = xalloc(sizeof *hub);
    hub->rules = rules_ref(rules);
    hub->config = rules->config;
    hub->subscriptions = make_subscriptions_path(hub->config->path);
    hub->transport = transport;
    hub->fetcher = fetcher;
    hub->begun_ms = clock_wall_ms();
    hub->by_token = quota_new();
    hub->by_address = quota_new();
    hub->bans = pattern_ban_new();
    return hub;
}

void
hub_free(struct hub **ref)
{
    struct hub *hub = *ref;
    *ref = NULL;
    if (hub == NULL)
        return;
    topic_fini(&hub->subscriptions);
    free((char *)hub->subscriptions.text.ptr);
    rules_unref(&hub->rules);
    quota_free(&hub->by_token);
    quota_free(&hub->by_address);
    pattern_ban_free(&hub->bans);
    free(hub->crew);
    free(hub);
}

struct hub_worker *
hub_worker_new(struct hub *hub, struct worker *worker)
{
    struct hub_worker *home = xalloc(sizeof *home);
    home->hub = hub;
    hub->crew = xrealloc(hub->crew, (hub->workers + 1) * sizeof(struct worker *));
    hub->crew[hub->workers++] = worker;
    home->worker = worker;
    home->rules = rules_ref(hub->rules);
    home->tokens = token_cache_new(hub->config->token_cache);
    list_init(&home->streams);
    list_init(&home->looks);
    list_init(&home->key_waits);
    list_init(&home->settling);
    list_init(&home->watches);
    list_init(&home->tracings);
    index_init(&home->index);
    tail_init(&home->tail, hub->config->tail);
    hub_set_limits(home);
    home->delivery = delivery_new(home);
    home->compiling = compile_queue_new(home);
    home->catching_up = catch_up_queue_new(worker, catch_up_stint);
    home->sweep = sweep_new(home);
    if (transport_registry(hub->transport))
        home->departures = departures_new(home);
    home->rosters = roster_desk_new(home);
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
    watch_forget(home);
    departures_free(&home->departures);
    roster_desk_free(&home->rosters);
    sweep_free(&home->sweep);
    catch_up_queue_free(&home->catching_up);
    compile_queue_free(&home->compiling);
    delivery_free(&home->delivery);
    tail_fini(&home->tail);
    index_fini(&home->index);
    token_cache_free(&home->tokens);
    rules_unref(&home->rules);
    free(home);
}

void
hub_start_at(struct hub_worker *home, struct position last)
{
    home->taken = home->delivered = last;
    if (home->departures && worker_number(home->worker) == 0 &&
        !departures_await_orphans(home->departures))
        departures_adopt(home->departures);
}

struct position
hub_delivered(struct worker *worker)
{
    return hub_worker_of(worker)->delivered;
}

void
hub_end_streams(struct hub_worker *home)
{
    access_stop(home);
    settling_stop(home);
    tracing_stop(home);
    compile_queue_stop(home->compiling);
    delivery_end_streams(home->delivery);
}
