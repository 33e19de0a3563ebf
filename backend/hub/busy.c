/* busy - the answer that makes a client come back: an EventSource never does after anything but a
 * 200. */

#include "hub/busy.h"

#include "hub/home.h"
#include "request/reply.h"

#include <stdio.h>

bool
busy_wants_stream(const struct exchange *ex)
{
    const struct request *r = ex->request;
    return slice_eq(r->path, slice_of(ex->config->path)) && !slice_eq(r->method, SLICE("POST"));
}

void
busy_answer(struct exchange *ex, const char *why, struct slice sentence)
{
    struct reply reply;
    char text[120];
    if (!busy_wants_stream(ex) || ex->config->busy_503) {
        reply_text(ex, 503, sentence);
        return;
    }
    reply_stream_head(ex, &reply);
    int n = snprintf(text, sizeof text, "retry: %u\n: %.60s\n\n",
                     hub_retry_ms(hub_worker_of(ex->worker)), why);
    reply.body = SLICE_OF(text, (size_t)n);
    exchange_reply(ex, &reply);
}

void
busy_stopping(struct exchange *ex)
{
    busy_answer(ex, "stopping", SLICE("The hub is stopping.\n"));
}
