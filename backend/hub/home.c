/* home - the few questions that every part of the hub may ask.
 *
 * Whoever was put off (for keys, for patterns, by a slow body) begins under the rules of then, not
 * of its head: else what a reload took away would be given behind it. */

#include "hub/home.h"

#include "request/front.h"
#include "request/reply.h"

enum {
    RETRY_MIN_MS = 1000,
    RETRY_SPREAD_MS = 4000,
};

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

bool
hub_renew(struct exchange *ex)
{
    struct rules *now = hub_worker_of(ex->worker)->rules;
    if (ex->rules == now)
        return true;
    rules_unref(&ex->rules);
    ex->rules = rules_ref(now);
    ex->config = now->config;
    ex->request->judged = 0; /* nobody was, by these */
    if (front_settle(ex))
        return true;
    reply_other_host(ex);
    return false;
}

struct slice
hub_new_id(struct hub_worker *home, char into[IDS_URN_LEN + 1])
{
    struct id_source *ids = worker_ids(home->worker);
    if (home->rules->config->id_format_uuid4)
        id_uuid4(ids, into);
    else
        id_uuid7(ids, into);
    return SLICE_OF(into, IDS_URN_LEN);
}

unsigned
hub_retry_ms(struct hub_worker *home)
{
    return RETRY_MIN_MS + (unsigned)(id_random(worker_ids(home->worker)) % RETRY_SPREAD_MS);
}
