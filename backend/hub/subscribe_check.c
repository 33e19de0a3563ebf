/* subscribe_check - what is in the way of a subscription, and what its client hears of it.
 *
 * An EventSource never comes back after anything but a 200. So what is wrong with the request (400,
 * 401, 406) is said, and what only cannot be had now (bounds, a stop) is a 200 with `retry:` and
 * the end. */

#include "hub/subscribe_check.h"

#include "base/clock.h"
#include "hub/access.h"
#include "hub/busy.h"
#include "hub/compile_queue.h"
#include "hub/home.h"
#include "metrics/metrics.h"
#include "request/media.h"
#include "request/reply.h"

#include <stdio.h>

/* Only 1.0 asks. What 0.x served always goes on being served. */
static bool
accepts_streams(struct exchange *ex, const struct subscribe_form *q)
{
    if (q->cursor.dialect == DIALECT_0X ||
        media_wish(ex->request, SLICE("text/event-stream")) != MEDIA_REFUSED)
        return true;
    reply_text(ex, 406,
               SLICE("What is subscribed to comes as text/event-stream, which Accept does "
                     "not name.\n"));
    return false;
}

bool
subscribe_check_form(struct exchange *ex, struct slice body, struct subscribe_form *q)
{
    const char *fault = subscribe_form_read(ex, body, q);
    if (fault)
        reply_text(ex, 400, slice_of(fault));
    return fault == NULL && accepts_streams(ex, q);
}

bool
subscribe_check_token(struct exchange *ex, struct grant **ret_grant)
{
    return access_read(ex, ROLE_SUBSCRIBE, !ex->config->anonymous, ret_grant);
}

bool
subscribe_check_stop(struct exchange *ex)
{
    if (!atomic_load(&hub_worker_of(ex->worker)->hub->stopping))
        return true;
    busy_stopping(ex);
    return false;
}

/* On whose account is what this subscription brings into the index? A token may be the whole
 * site's, so the address comes first; who has neither is a client of its own. */
static uint64_t
client_of(const struct exchange *ex, const struct grant *grant)
{
    uint64_t address = quota_key_of_address(ex->request->address);
    return address ? address : grant ? grant->key_hash : ex->id;
}

/* Patterns that were struck are refused, and not with a retry: (hub/pattern_ban.h). */
static bool
refuse_struck(struct exchange *ex, const struct subscribe_form *q)
{
    struct hub *hub = hub_worker_of(ex->worker)->hub;
    for (size_t i = 0; i < q->count; i++) {
        const struct selector *s = &q->selectors[i];
        if (!index_is_pattern(s) || !pattern_ban_has(hub->bans, s, clock_mono_ms()))
            continue;
        metrics_count(METRIC_patterns_refused);
        reply_text(ex, 400,
                   SLICE("A pattern takes too long to match; it is refused for a "
                         "while.\n"));
        return true;
    }
    return false;
}

bool
subscribe_check_patterns(struct exchange *ex, const struct grant *grant, struct subscribe_form *q,
                         void (*again)(struct exchange *))
{
    subscribe_form_set_client(q, client_of(ex, grant));
    return subscribe_check_stop(ex) && !refuse_struck(ex, q) &&
           compile_queue_may_begin(ex, q, again);
}

void
subscribe_check_refuse(struct exchange *ex, enum index_answer answer, const struct error *err)
{
    char text[sizeof err->text + 40];
    if (answer == INDEX_ILL_FORMED) {
        int n = snprintf(text, sizeof text, "A pattern is ill-formed: %s.\n", err->text);
        reply_text(ex, 400, SLICE_OF(text, (size_t)n));
        return;
    }
    static const enum metric bounds[SHARE_KINDS] = {
        [SHARE_PATTERNS] = METRIC_max_patterns,
        [SHARE_UNFIXED] = METRIC_max_unfixed_patterns,
        [SHARE_BASES] = METRIC_max_pattern_bases,
        [SHARE_BYTES] = METRIC_max_index_bytes,
    };
    enum metric bound = answer == INDEX_HOARDED ? METRIC_client_share
                                                : bounds[hub_worker_of(ex->worker)->index.full];
    metrics_bound_met(bound, ex->id);
    busy_answer(ex, metrics_name(bound), SLICE("Too many topics and patterns at the moment.\n"));
}
