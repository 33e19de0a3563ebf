/* roster_head - tag, link, and what else stands before a list. */

#include "hub/roster_head.h"

#include "config/config.h"
#include "request/etag.h"
#include "request/reply.h"

void
roster_head_begin(struct roster_head *h, struct exchange *ex, const struct roster_title *title)
{
    reply_begin(ex, &h->reply, 200);
    buf_init(&h->etag, SIZE_MAX);
    buf_init(&h->link, SIZE_MAX);
    etag_add(&h->etag, title->cursor);
    roster_text_link(&h->link, title, slice_of(ex->config->path));
}

void
roster_head_add_next(struct roster_head *h, const struct roster_title *title,
                     const struct roster_query *q, struct position after)
{
    roster_text_link_next(&h->link, title, q, after);
}

static void
send(struct roster_head *h, struct exchange *ex, const struct roster_title *title,
     const size_t *total)
{
    char digits[SLICE_DIGITS];
    struct reply *r = &h->reply;
    if (r->status == 200)
        reply_add(r, SLICE("Content-Type"), roster_text_type(title->dialect));
    reply_add(r, SLICE("ETag"), buf_slice(&h->etag));
    reply_add(r, SLICE("Cache-Control"), SLICE("private, no-cache"));
    reply_add(r, SLICE("Vary"), SLICE("Authorization, Cookie"));
    if (h->link.len)
        reply_add(r, SLICE("Link"), buf_slice(&h->link));
    if (total)
        reply_add(r, SLICE("X-Total-Count"), slice_of_number(digits, *total, 10));
    exchange_reply(ex, r);
}

bool
roster_head_send(struct roster_head *h, struct exchange *ex, const struct roster_title *title,
                 const size_t *total)
{
    bool ok = !h->etag.failed && !h->link.failed;
    if (ok)
        send(h, ex, title, total);
    else
        roster_head_refuse_memory(ex);
    buf_fini(&h->etag);
    buf_fini(&h->link);
    return ok;
}

static bool
is_known(const struct request *r, const struct roster_title *title)
{
    struct slice bare = title->dialect == DIALECT_0X ? title->cursor : SLICE_OF(NULL, 0);
    struct buf tag;
    bool known = false;
    buf_init(&tag, SIZE_MAX);
    etag_add(&tag, title->cursor);
    for (size_t i = 0; i < r->header_count && !known; i++)
        known = slice_eq_nocase(r->headers[i].name, SLICE("If-None-Match")) &&
                etag_is_listed(r->headers[i].value, buf_slice(&tag), bare);
    buf_fini(&tag);
    return known;
}

bool
roster_head_answer_known(struct exchange *ex, const struct roster_title *title)
{
    struct roster_head h;
    if (!is_known(ex->request, title))
        return false;
    roster_head_begin(&h, ex, title);
    h.reply.status = 304;
    roster_head_send(&h, ex, title, NULL);
    return true;
}

void
roster_head_refuse_memory(struct exchange *ex)
{
    reply_text(ex, 503, SLICE("There is no memory for the list.\n"));
}
