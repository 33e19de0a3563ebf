#ifndef GATEWAY_BODY_H
#define GATEWAY_BODY_H

/* The body of a request while it is read: bounded by what the handler said, and counted against
 * the process's budget (max_pending_bytes) and the share of it that such requests have. */

#include "base/buf.h"
#include "gateway/gateway_worker.h"
#include "request/exchange.h"

struct body {
    struct buf bytes;
    struct body_share share;
    size_t reserved;
};

void body_init(struct body *, size_t max, struct body_share);
void body_fini(struct body *, const struct gateway_worker *); /* gives the budget back */
/* After bytes were added: 0, or the status of the refusal (413, 503), and the bytes are freed. */
MUST_CHECK unsigned body_judge(struct body *, const struct gateway_worker *);

#endif
