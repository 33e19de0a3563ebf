/* routes - which handler a path and a method have: one table. Paths are compared raw, before any
 * percent-decoding. */

#include "routes.h"

#include "base/alloc.h"
#include "base/ascii.h"
#include "hub/census.h"
#include "hub/head.h"
#include "hub/health.h"
#include "hub/home.h"
#include "hub/metadata.h"
#include "hub/publish.h"
#include "hub/roster.h"
#include "hub/roster_path.h"
#include "hub/scrape.h"
#include "hub/subscribe.h"
#include "hub/tracing.h"
#include "hub/ui.h"
#include "metrics/metrics.h"
#include "request/front.h"
#include "request/hub_url.h"
#include "request/reply.h"

#include <stdio.h>

#define ALLOW_HUB     "GET, HEAD, POST, OPTIONS"
#define ALLOW_HUB_1_0 "GET, HEAD, POST, QUERY, OPTIONS"
#define ALLOW_HEALTHZ "GET, HEAD, OPTIONS"

/* Whoever missed the hub is told where it is. */
static void
answer_not_found(struct exchange *ex)
{
    char text[600];
    struct slice hub = slice_of(ex->config->path), path = ex->request->path;
    struct slice behind = slice_starts(path, hub) ? slice_from(path, hub.len) : SLICE("");
    const char *what = slice_eq(behind, SLICE("/")) ? ", without a slash at its end" : "";
    int n = snprintf(text, sizeof text, "There is nothing here; the hub is at " SLICE_FMT "%s.\n",
                     SLICE_ARG(slice_head(hub, 400)), what);
    reply_text(ex, 404, SLICE_OF(text, (size_t)n));
}

static void
answer_no_metrics(struct exchange *ex)
{
    reply_text(
        ex, 404,
        SLICE(
            "There is nothing here; the metrics are at /metrics, who is connected at /streams.\n"));
}

static struct slice
allow_hub(const struct exchange *ex)
{
    return ex->config->speaks[DIALECT_1_0] ? SLICE(ALLOW_HUB_1_0) : SLICE(ALLOW_HUB);
}

static void
answer_hub_method(struct exchange *ex)
{
    reply_method_not_allowed(ex, allow_hub(ex));
}

static void
answer_healthz_method(struct exchange *ex)
{
    reply_method_not_allowed(ex, SLICE(ALLOW_HEALTHZ));
}

static void
answer_trace_method(struct exchange *ex)
{
    reply_method_not_allowed(ex, SLICE("GET"));
}

static void
answer_hub_options(struct exchange *ex)
{
    reply_options(ex, allow_hub(ex));
}

static void
answer_other_options(struct exchange *ex)
{
    reply_options(ex, SLICE(ALLOW_HEALTHZ));
}

static void
answer_bad_path(struct exchange *ex)
{
    reply_text(ex, 400, SLICE("The path holds a % that two hex digits do not follow.\n"));
}

static const struct exchange_handler other_host = {.on_head = reply_other_host};

/* A method of 1.0: a hub without issuers does not know it. */
static void
begin_query(struct exchange *ex)
{
    if (!ex->config->speaks[DIALECT_1_0]) {
        answer_hub_method(ex);
        return;
    }
    ex->handler = &subscribe_query_handler;
    ex->handler->on_head(ex);
}

static const struct exchange_handler query = {.on_head = begin_query};
static const struct exchange_handler not_found = {.on_head = answer_not_found};
static const struct exchange_handler no_metrics = {.on_head = answer_no_metrics};
static const struct exchange_handler hub_method = {.on_head = answer_hub_method};
static const struct exchange_handler hub_options = {.on_head = answer_hub_options};
static const struct exchange_handler other_options = {.on_head = answer_other_options};
static const struct exchange_handler healthz_method = {.on_head = answer_healthz_method};
static const struct exchange_handler trace_method = {.on_head = answer_trace_method};
static const struct exchange_handler bad_path = {.on_head = answer_bad_path};

enum place {
    PLACE_NOWHERE, /* it is no path */
    PLACE_ANYWHERE,
    PLACE_HUB,
    PLACE_ROSTER,
    PLACE_UI,
    PLACE_UI_METRICS,
    PLACE_HEALTHZ,
    PLACE_METADATA_DOCUMENT,
    PLACE_METRICS,
    PLACE_STREAMS,
    PLACE_TRACE,
    PLACE_BESIDE_METRICS,
};

/* The first row that fits; an empty method is any. */
static const struct {
    enum place place;
    struct slice method;
    const struct exchange_handler *handler;
} routes[] = {
    {PLACE_HUB, SLICE_INIT("GET"), &subscribe_handler},
    {PLACE_HUB, SLICE_INIT("HEAD"), &head_handler},
    {PLACE_HUB, SLICE_INIT("POST"), &publish_handler},
    {PLACE_HUB, SLICE_INIT("QUERY"), &query},
    {PLACE_HUB, SLICE_INIT("OPTIONS"), &hub_options},
    {PLACE_HUB, SLICE_INIT(""), &hub_method},
    {PLACE_ROSTER, SLICE_INIT("GET"), &roster_handler},
    {PLACE_ROSTER, SLICE_INIT("HEAD"), &roster_handler},
    {PLACE_ROSTER, SLICE_INIT("OPTIONS"), &other_options},
    {PLACE_ROSTER, SLICE_INIT(""), &healthz_method},
    {PLACE_UI, SLICE_INIT("GET"), &ui_handler},
    {PLACE_UI, SLICE_INIT("HEAD"), &ui_handler},
    {PLACE_UI, SLICE_INIT("OPTIONS"), &other_options},
    {PLACE_UI, SLICE_INIT(""), &healthz_method},
    {PLACE_UI_METRICS, SLICE_INIT("GET"), &ui_metrics_handler},
    {PLACE_UI_METRICS, SLICE_INIT("HEAD"), &ui_metrics_handler},
    {PLACE_UI_METRICS, SLICE_INIT("OPTIONS"), &other_options},
    {PLACE_UI_METRICS, SLICE_INIT(""), &healthz_method},
    {PLACE_HEALTHZ, SLICE_INIT("GET"), &health_handler},
    {PLACE_HEALTHZ, SLICE_INIT("HEAD"), &health_handler},
    {PLACE_HEALTHZ, SLICE_INIT("OPTIONS"), &other_options},
    {PLACE_HEALTHZ, SLICE_INIT(""), &healthz_method},
    {PLACE_METADATA_DOCUMENT, SLICE_INIT("GET"), &metadata_handler},
    {PLACE_METADATA_DOCUMENT, SLICE_INIT("HEAD"), &metadata_handler},
    {PLACE_METADATA_DOCUMENT, SLICE_INIT("OPTIONS"), &other_options},
    {PLACE_METADATA_DOCUMENT, SLICE_INIT(""), &healthz_method},
    {PLACE_METRICS, SLICE_INIT("GET"), &scrape_handler},
    {PLACE_METRICS, SLICE_INIT("HEAD"), &scrape_handler},
    {PLACE_METRICS, SLICE_INIT(""), &healthz_method},
    {PLACE_STREAMS, SLICE_INIT("GET"), &census_handler},
    {PLACE_STREAMS, SLICE_INIT(""), &healthz_method},
    {PLACE_TRACE, SLICE_INIT("GET"), &tracing_handler},
    {PLACE_TRACE, SLICE_INIT(""), &trace_method},
    {PLACE_BESIDE_METRICS, SLICE_INIT("OPTIONS"), &other_options},
    {PLACE_BESIDE_METRICS, SLICE_INIT(""), &no_metrics},
    {PLACE_ANYWHERE, SLICE_INIT("OPTIONS"), &other_options},
    {PLACE_ANYWHERE, SLICE_INIT(""), &not_found},
};

static bool
has_bad_escape(struct slice path)
{
    for (size_t i = 0; i < path.len; i++)
        if (path.ptr[i] == '%' &&
            (path.len - i < 3 || ascii_hex(path.ptr[i + 1]) < 0 || ascii_hex(path.ptr[i + 2]) < 0))
            return true;
    return false;
}

static const struct exchange_handler *
handler_of(enum place place, struct slice method)
{
    size_t i = 0;
    while (!(place == routes[i].place || routes[i].place == PLACE_ANYWHERE) ||
           !(routes[i].method.len == 0 || slice_eq(routes[i].method, method)))
        i++;
    return routes[i].handler;
}

/* The request keeps to what holds now, whatever is loaded meanwhile. */
static const struct config *
take_rules(struct exchange *ex)
{
    ex->rules = rules_ref(hub_worker_of(ex->worker)->rules);
    return ex->config = ex->rules->config;
}

static bool
is_metadata(struct slice path, const struct config *c)
{
    struct slice prefix = SLICE(HUB_URL_METADATA_PREFIX);
    return slice_starts(path, prefix) && slice_eq(slice_from(path, prefix.len), slice_of(c->path));
}

static enum place
place_of(struct slice path, const struct config *c)
{
    struct slice hub = slice_of(c->path);
    if (slice_eq(path, hub))
        return PLACE_HUB;
    if (slice_eq(path, slice_of(c->healthz)))
        return PLACE_HEALTHZ;
    if (is_metadata(path, c))
        return PLACE_METADATA_DOCUMENT;
    if (has_bad_escape(path))
        return PLACE_NOWHERE;
    if (roster_path_is(hub, path))
        return PLACE_ROSTER;
    if (ui_path_is_metrics(hub, path))
        return PLACE_UI_METRICS;
    return ui_path_is(hub, path) ? PLACE_UI : PLACE_ANYWHERE;
}

const struct exchange_handler *
routes_find(struct exchange *ex)
{
    const struct config *config = take_rules(ex);
    enum place place = place_of(ex->request->path, config);
    if (place == PLACE_NOWHERE)
        return &bad_path;
    if (place != PLACE_HEALTHZ)
        metrics_count(METRIC_requests);
    if (!front_settle(ex) && place != PLACE_HEALTHZ)
        return &other_host;
    return handler_of(place, ex->request->method);
}

const struct exchange_handler *
routes_find_metrics(struct exchange *ex)
{
    const struct config *config = take_rules(ex);
    enum place place = PLACE_BESIDE_METRICS;
    if (slice_eq(ex->request->path, SLICE("/metrics")))
        place = PLACE_METRICS;
    else if (slice_eq(ex->request->path, SLICE("/streams")))
        place = PLACE_STREAMS;
    else if (slice_eq(ex->request->path, SLICE("/trace")))
        place = PLACE_TRACE;
    else if (slice_eq(ex->request->path, slice_of(config->healthz)))
        place = PLACE_HEALTHZ;
    return handler_of(place, ex->request->method);
}
