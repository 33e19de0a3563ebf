/* scrape - GET /metrics: the page that Prometheus reads, as OpenMetrics 1.0.
 *
 * Everything on it is a sum over threads or a figure that somebody keeps anyway, so a scrape takes
 * as long with 10 streams as with 100,000: no stream is looked at. */

#include "hub/scrape.h"

#include "base/clock.h"
#include "base/version.h"
#include "hub/home.h"
#include "metrics/metrics.h"
#include "request/reply.h"
#include "topic/topic.h"
#include "transport/registry.h"

#include <stdio.h>
#include <unistd.h>

enum {
    MAX_PAGE = 1024 * 1024
};

static void
write_label(struct buf *out, const char *value)
{
    for (; value && *value; value++)
        if (*value == '\n')
            buf_add(out, SLICE("\\n"));
        else if (*value == '\\' || *value == '"')
            buf_addf(out, "\\%c", *value);
        else
            buf_add_byte(out, *value);
}

static void
write_identity(struct buf *out, const struct hub *hub)
{
    buf_add(out, SLICE("# TYPE alipes info\n# HELP alipes this hub\nalipes_info{version=\"" VERSION
                       "\",transport=\""));
    write_label(out, hub->transport->ops->name);
    buf_add(out, SLICE("\",name=\""));
    write_label(out, hub->config->name);
    buf_add(out, SLICE("\"} 1\n"));
}

/* Under the names that every program has them by. */
static void
write_process(struct buf *out, const struct hub *hub)
{
    unsigned long all = 0, resident = 0;
    FILE *f = fopen("/proc/self/statm", "re");
    bool is_known = f && fscanf(f, "%lu %lu", &all, &resident) == 2;
    if (f)
        fclose(f);
    metrics_write_one(out, "process_start_time_seconds", "gauge", "seconds",
                      "when the hub began, since 1970", (double)hub->begun_ms / 1000);
    if (is_known)
        metrics_write_one(out, "process_resident_memory_bytes", "gauge", "bytes",
                          "memory that it has", (double)resident * (double)sysconf(_SC_PAGESIZE));
}

static void
write_history(struct buf *out, const struct hub *hub)
{
    struct transport_stat held;
    transport_stat(hub->transport, &held);
    uint64_t now = clock_wall_ms();
    double age = held.oldest_ms && held.oldest_ms < now ? (double)(now - held.oldest_ms) : 0;
    metrics_write_one(out, "alipes_history_events", "gauge", NULL, "updates kept",
                      (double)held.events);
    metrics_write_one(out, "alipes_history_bytes", "gauge", "bytes",
                      "what they take, prepared space included", (double)held.bytes);
    metrics_write_one(out, "alipes_history_age_seconds", "gauge", "seconds",
                      "since the oldest update kept", age / 1000);
}

static void
write_subscriptions(struct buf *out, const struct hub *hub)
{
    const struct registry *registry = transport_registry(hub->transport);
    metrics_write_one(out, "alipes_subscriptions_active", "gauge", NULL,
                      "active subscriptions: matchers of streams, those held back included",
                      registry ? (double)registry_count(registry) : 0);
}

/* The established hub's names, so that its dashboards and alerts go on. */
static void
write_established(struct buf *out)
{
    metrics_write_one(out, "mercure_subscribers_connected", "gauge", NULL,
                      "as alipes_streams, under the established hub's name",
                      (double)metrics_sum(METRIC_streams));
    metrics_write_one(out, "mercure_subscribers", "counter", NULL,
                      "as alipes_streams_opened, under the established hub's name",
                      (double)metrics_sum(METRIC_streams_opened));
    metrics_write_one(out, "mercure_updates", "counter", NULL,
                      "as alipes_publishes, under the established hub's name",
                      (double)metrics_sum(METRIC_publishes));
}

static void
on_head(struct exchange *ex)
{
    const struct hub *hub = hub_worker_of(ex->worker)->hub;
    struct reply r;
    struct buf page;
    buf_init(&page, MAX_PAGE);
    write_identity(&page, hub);
    write_process(&page, hub);
    metrics_write(&page);
    metrics_write_one(&page, "alipes_topic_url_bytes", "gauge", "bytes",
                      "kept with topics: which URLs they are", (double)topic_kept());
    metrics_write_one(&page, "alipes_pending_bytes", "gauge", "bytes",
                      "bodies being read and updates not yet committed",
                      (double)atomic_load(&hub->pending_bytes));
    write_history(&page, hub);
    write_subscriptions(&page, hub);
    write_established(&page);
    buf_add(&page, SLICE("# EOF\n"));
    reply_begin(ex, &r, 200);
    reply_add(&r, SLICE("Content-Type"),
              SLICE("application/openmetrics-text; version=1.0.0; charset=utf-8"));
    reply_add(&r, SLICE("Cache-Control"), SLICE("no-store"));
    r.body = buf_slice(&page);
    if (page.failed)
        reply_text(ex, 503, SLICE("No memory for this page.\n"));
    else
        exchange_reply(ex, &r);
    buf_fini(&page);
}

const struct exchange_handler scrape_handler = {
    .on_head = on_head,
};
