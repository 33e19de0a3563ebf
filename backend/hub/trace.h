#ifndef HUB_TRACE_H
#define HUB_TRACE_H

/* What the hub says of each publish and each stream where the log wants LOG_DEBUG (directive
 * debug). Everywhere else it costs one branch: callers ask log_wants(LOG_DEBUG), or look whether an
 * update has a tally. */

#include "auth/grant.h"
#include "base/buf.h"
#include "base/words.h"
#include "hub/publish_form.h"
#include "request/exchange.h"
#include "transport/active.h"
#include "transport/update.h"

struct subscribe_form;

/* How a stream met an update. */
enum trace_meeting {
    TRACE_SENT,        /* LIVE, and it may get it */
    TRACE_CATCHING_UP, /* behind, and it may: it comes to it */
    TRACE_NOT_GRANTED, /* it asks for the topic, and the update is private to others */
    TRACE_MEETINGS,
};

/* Before the update is given to the transport: it gets a tally for so many workers. The fields are
 * those of the request that publishes it. */
void trace_publish(const struct exchange *, struct update *, const struct publish_form *,
                   unsigned workers);
/* Any worker, for an update with a tally: each stream once; then, the matching done, once. The last
 * worker that is done writes the line. */
void trace_met(const struct update *, enum trace_meeting);
void trace_matched(const struct update *);

/* What there is to say of a stream that begins, while its request is still there; `grant` NULL:
 * anonymous. And of one that ends. */
void trace_stream_begin(struct buf *, const struct exchange *, const struct grant *,
                        const struct subscribe_form *);
void trace_stream_end(struct buf *, uint64_t conn, const char *state, bool by_hub, uint32_t seconds,
                      uint32_t events);
void trace_stream_cursor(uint64_t conn, bool found);

enum {
    TRACE_LINE_BYTES = 1600 /* of any of these lines */
};
/* A line as the log has it, with its time, for who follows a trace: as data of an event of SSE. */
void trace_line(struct buf *, const char *event, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* So many begins of a stream were committed; `first` is one of them. */
void trace_subscriptions_begin(uint64_t conn, const struct active *first, uint32_t count);
/* The end of one was committed, so long after its stream was over; `is_back`: because of a begin
 * that is the same. */
void trace_subscription_end(const struct active *, uint64_t held_back_ms, bool is_back);

/* The topics that a grant (NULL: none) names for an action. */
struct trace_rights {
    struct words topics;
    const char *trap; /* of one of them (topic/matcher.h); NULL: none */
};
struct trace_rights trace_rights(const struct grant *, enum role action);

#endif
