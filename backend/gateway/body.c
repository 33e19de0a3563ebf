/* body - bytes of a request, counted. */

#include "gateway/body.h"

void
body_init(struct body *b, size_t max, struct body_share share)
{
    buf_init(&b->bytes, max);
    b->share = share;
    b->reserved = 0;
}

void
body_fini(struct body *b, const struct gateway_worker *gw)
{
    atomic_fetch_sub(gw->shared->pending, b->reserved);
    if (b->share.used)
        atomic_fetch_sub(b->share.used, b->reserved);
    b->reserved = 0;
    buf_fini(&b->bytes);
}

static bool
reserve(atomic_size_t *used, size_t more, size_t max)
{
    return atomic_fetch_add(used, more) + more <= max;
}

static unsigned
judge(struct body *b, const struct gateway_worker *gw)
{
    if (b->bytes.failed)
        return 413;
    if (b->bytes.cap <= b->reserved)
        return 0;
    size_t more = b->bytes.cap - b->reserved;
    b->reserved = b->bytes.cap;
    bool fits = reserve(gw->shared->pending, more, gw->config->max_pending_bytes);
    if (b->share.used)
        fits &= reserve(b->share.used, more, b->share.max);
    return fits ? 0 : 503;
}

unsigned
body_judge(struct body *b, const struct gateway_worker *gw)
{
    unsigned refused = judge(b, gw);
    if (refused)
        body_fini(b, gw); /* before the reply: who is told may try again at once */
    return refused;
}
