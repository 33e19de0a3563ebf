#ifndef TRANSPORT_UPDATE_H
#define TRANSPORT_UPDATE_H

/* One published event, formatted once. Immutable once it is given to the transport, which alone
 * sets its position, before anybody else sees it; so any worker may read it without a lock (what is
 * worked out about a topic later is topic.h's business). The reference count is atomic.
 *
 *     frame:   3a CRLF  id: …LF data: …LF LF  CRLF        one chunk of HTTP/1.1
 *     event:            ^^^^^^^^^^^^^^^^^^^^              a slice of it
 */

#include "base/slice.h"
#include "topic/topic.h"
#include "transport/active.h"

#include <stdatomic.h>
#include <stdbool.h>

struct tally;

/* The hub's own updates tell of active subscriptions (PROTOCOL.md). */
enum update_kind {
    UPDATE_PUBLISHED,
    UPDATE_BEGIN,
    UPDATE_END,
};

struct update {
    atomic_uint refs, pins;
    enum update_kind kind : 8;
    enum dialect dialect : 8;      /* of begins and ends: streams of the other never get them */
    bool is_private, id_is_chosen; /* by the publisher: it may come again */
    uint32_t topic_count;
    struct position position; /* given by the transport */
    struct slice id;
    struct slice frame, event;
    struct topic *topics;  /* [0] is canonical */
    size_t size;           /* of the whole allocation, for budgets */
    uint64_t made_ns;      /* monotonic; 0: it was read from a history */
    struct active *active; /* owns a reference: what begins or ends; NULL: neither, or read back */
    uint64_t same;         /* of a begin: active->same, which goes into a history with it */
    struct tally *tally;   /* owns, plain memory: for the log (hub/trace.h); NULL: not wanted */
};

/* What an update is made of; borrowed, copied by update_new(). */
struct update_parts {
    const struct slice *topics;
    size_t topic_count;
    struct slice id, type, data;
    struct slice retry; /* digits without leading zeros, or empty */
    bool is_private, id_is_chosen;
};

/* The same, once it was formatted. */
struct update_formatted {
    const struct slice *topics;
    size_t topic_count;
    struct slice id, event; /* the SSE bytes, to the empty line */
    bool is_private, id_is_chosen;
};

/* Formats (PROTOCOL.md, "Subscribe"). Caller owns one reference. NULL: event and topics
 * would be larger than `max_size`, or no memory; *ret_too_large tells which. */
MUST_CHECK struct update *update_new(const struct update_parts *, size_t max_size,
                                     bool *ret_too_large);
/* From what was formatted before. Caller owns one reference. NULL: no memory. */
MUST_CHECK struct update *update_restore(const struct update_formatted *);
struct update *update_ref(struct update *);
/* How many connections are in the middle of it, counted beside the references so that a budget has
 * it once: true for the first that pins, and for the last that unpins. */
bool update_pin(struct update *);
bool update_unpin(struct update *);
void update_unref(struct update **); /* drops it and sets the pointer to NULL; NULL is fine */

#endif
