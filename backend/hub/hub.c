/* hub - construction, and the delivery of a batch on one worker.
 *
 * A batch comes: `taken` moves and the batch joins the tail; the index gives for each update the
 * LIVE streams it meets, each once (a stamp tells); what is due hangs on the stream as a chain of
 * indices; after the whole batch each stream gets one write; `delivered` moves. The cost is that
 * of the matches. Nothing of a batch that was not committed ever comes here. */

#include "hub/hub.h"

#include "auth/trust.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "hub/stream.h"
#include "metrics/metrics.h"

#include <stdlib.h>
#include <string.h>

enum {
    MAX_DUE = 65536,     /* chains are written out before they grow past this */
    SEND_AT_ONCE = 1024, /* updates given to one exchange_send() */
    RETRY_MIN_MS = 1000,
    RETRY_SPREAD_MS = 4000,
};

struct hub *
hub_new(const struct config *config, struct transport *transport, struct error *err)
{
    struct hub *hub = xalloc(sizeof *hub);
    hub->config = config;
    hub->transport = transport;
    hub->by_token = quota_new();
    hub->by_address = quota_new();
    hub->max_update_size =
        config->max_update_size ? config->max_update_size : 2 * config->max_request_body_size;
    if (!config->in_memory && hub->max_update_size > config->max_bytes / 4)
        hub->max_update_size = config->max_bytes / 4;
    if ((hub->authority = trust_build(config, NULL, NULL, err)) == NULL) {
        hub_free(&hub);
        return NULL;
    }
    return hub;
}

void
hub_free(struct hub **ref)
{
    struct hub *hub = *ref;
    *ref = NULL;
    if (hub == NULL)
        return;
    authority_unref(&hub->authority);
    quota_free(&hub->by_token);
    quota_free(&hub->by_address);
    free(hub);
}

struct hub_worker *
hub_worker_new(struct hub *hub, struct worker *worker)
{
    struct hub_worker *home = xalloc(sizeof *home);
    home->hub = hub;
    home->worker = worker;
    index_init(&home->index);
    home->tokens = token_cache_new(hub->config->token_cache);
    list_init(&home->streams);
    tail_init(&home->tail, hub->config->tail);
    list_init(&home->catching_up);
    list_init(&home->hungry);
    home->catch_up.run = stream_catch_up_all;
    worker_add_hook(worker, &home->catch_up);
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
    tail_fini(&home->tail);
    index_fini(&home->index);
    token_cache_free(&home->tokens);
    free(home->due);
    free(home->touched);
    free(home);
}

struct hub_worker *
hub_worker_of(struct worker *worker)
{
    return worker_local(worker);
}

unsigned
hub_retry_ms(struct hub_worker *home)
{
    return RETRY_MIN_MS + (unsigned)(id_random(worker_ids(home->worker)) % RETRY_SPREAD_MS);
}

static void
touch(struct hub_worker *home, struct stream *s)
{
    if (home->touched_count == home->touched_cap) {
        home->touched_cap = home->touched_cap ? home->touched_cap * 2 : 256;
        home->touched = xrealloc(home->touched, home->touched_cap * sizeof *home->touched);
    }
    home->touched[home->touched_count++] = s;
}

static void
collect(struct stream *s, void *context)
{
    struct hub_worker *home = context;
    const struct update *u = home->batch->updates[home->at];
    if (s->stamp == home->stamp || s->state != STREAM_LIVE)
        return;
    s->stamp = home->stamp;
    if (position_cmp(u->position, s->position) <= 0 || !stream_may_get(s, u))
        return;
    if (home->due_count == home->due_cap) {
        home->due_cap = home->due_cap ? home->due_cap * 2 : 256;
        home->due = xrealloc(home->due, home->due_cap * sizeof *home->due);
    }
    uint32_t i = home->due_count++;
    home->due[i] = (struct due){home->at, DUE_NONE};
    if (s->first_due == DUE_NONE) {
        s->first_due = i;
        touch(home, s);
    } else {
        home->due[s->last_due].next = i;
    }
    s->last_due = i;
}

static void
send_due(struct hub_worker *home, struct stream *s, uint64_t now)
{
    struct update *updates[SEND_AT_ONCE];
    uint32_t indices[SEND_AT_ONCE];
    uint32_t i = s->first_due;
    s->first_due = s->last_due = DUE_NONE;
    while (i != DUE_NONE) {
        size_t count = 0;
        for (; i != DUE_NONE && count < SEND_AT_ONCE; i = home->due[i].next) {
            indices[count] = home->due[i].update;
            updates[count] = home->batch->updates[indices[count]];
            count++;
        }
        size_t begun = exchange_send(s->exchange, updates, count);
        if (begun)
            s->last_sent_ms = now;
        metrics_add(METRIC_deliveries, begun);
        if (begun < count) {
            stream_fall_back(s, home->batch, indices[begun]);
            return;
        }
    }
}

/* Each update that met a stream is seen once: what is due stands in the order of updates. */
static void
observe_written(struct hub_worker *home)
{
    uint64_t now = home->due_count ? clock_mono_ns() : 0;
    for (uint32_t i = 0; i < home->due_count; i++) {
        const struct update *u = home->batch->updates[home->due[i].update];
        if (u->made_ns && (i == 0 || home->due[i].update != home->due[i - 1].update))
            metrics_took(METRIC_publish_to_write, now - u->made_ns);
    }
}

static void
send_all_due(struct hub_worker *home)
{
    uint64_t now = worker_now_ms(home->worker);
    for (uint32_t i = 0; i < home->touched_count; i++)
        send_due(home, home->touched[i], now);
    observe_written(home);
    home->touched_count = 0;
    home->due_count = 0;
}

void
hub_receive(struct worker *worker, struct message *m)
{
    struct transport_delivery *d = CONTAINER_OF(m, struct transport_delivery, message);
    struct hub_worker *home = hub_worker_of(worker);
    struct batch *batch = d->batch;
    free(d);
    home->taken = batch->upto;
    tail_add(&home->tail, batch);
    home->batch = batch;
    for (uint32_t i = 0; i < batch->count; i++) {
        if (home->due_count > MAX_DUE)
            send_all_due(home);
        home->at = i;
        home->stamp++;
        index_match(&home->index, batch->updates[i], collect, home);
    }
    send_all_due(home);
    home->batch = NULL;
    home->delivered = home->taken;
    transport_delivered(home->hub->transport, worker_number(worker), batch->bytes);
}

void
hub_end_streams(struct hub_worker *home)
{
    LIST_EACH(node, after, &home->streams)
    {
        stream_end(CONTAINER_OF(node, struct stream, node));
    }
}
