/* body - bytes of a request, counted. */

#include "gateway/body.h"

void
body_init(struct body *b, size_t max)
{
    buf_init(&b->bytes, max);
    b->reserved = 0;
}

void
body_fini(struct body *b, const struct link_settings *settings)
{
    atomic_fetch_sub(settings->pending, b->reserved);
    b->reserved = 0;
    buf_fini(&b->bytes);
}

static unsigned
judge(struct body *b, const struct link_settings *settings)
{
    if (b->bytes.failed)
        return 413;
    if (b->bytes.cap <= b->reserved)
        return 0;
    size_t more = b->bytes.cap - b->reserved;
    size_t before = atomic_fetch_add(settings->pending, more);
    b->reserved = b->bytes.cap;
    return before + more <= settings->max_pending_bytes ? 0 : 503;
}

unsigned
body_judge(struct body *b, const struct link_settings *settings)
{
    unsigned refused = judge(b, settings);
    if (refused)
        body_fini(b, settings); /* before the reply: who is told may try again at once */
    return refused;
}
