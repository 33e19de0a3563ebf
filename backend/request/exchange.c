/* exchange - the calls of a handler, passed on to the wire; and the headers of both ways. */

#include "request/exchange.h"

#include "base/alloc.h"
#include "request/rules.h"

bool
request_header(const struct request *r, struct slice name, struct slice *ret_value)
{
    for (size_t i = 0; i < r->header_count; i++) {
        if (!slice_eq_nocase(r->headers[i].name, name))
            continue;
        *ret_value = r->headers[i].value;
        return true;
    }
    return false;
}

size_t
request_header_count(const struct request *r, struct slice name)
{
    size_t count = 0;
    for (size_t i = 0; i < r->header_count; i++)
        count += slice_eq_nocase(r->headers[i].name, name);
    return count;
}

void
reply_add(struct reply *r, struct slice name, struct slice value)
{
    ENSURE(r->header_count < COUNT_OF(r->headers));
    r->headers[r->header_count++] = (struct header){name, value};
}

void
exchange_reply(struct exchange *ex, const struct reply *r)
{
    if (ex->request && !slice_eq(ex->request->method, SLICE("HEAD")))
        ex->request->rest = r->rest;
    ex->wire->reply(ex, r);
}

void
exchange_add(struct exchange *ex, struct slice piece)
{
    ENSURE(piece.len <= ex->request->rest);
    ex->request->rest -= piece.len;
    ex->wire->add(ex, piece);
}

void
exchange_cut(struct exchange *ex)
{
    ex->wire->cut(ex);
}

bool
reply_has_length(const struct reply *r, bool is_head)
{
    return r->status != 204 && r->status != 304 && !(r->is_stream && is_head);
}

void
exchange_read_body(struct exchange *ex, size_t max)
{
    ex->arena.max = EXCHANGE_ARENA_BYTES + 2 * max; /* `+`, then %XX: a copy for each */
    ex->wire->read_body(ex, max);
}

void
exchange_wait(struct exchange *ex)
{
    ex->wire->wait(ex);
}

void
exchange_stream(struct exchange *ex, const struct reply *r, struct slice first)
{
    ex->wire->stream(ex, r, first);
    ex->config = NULL;
    rules_unref(&ex->rules); /* a stream lives under what holds for its worker */
}

void
exchange_body(struct exchange *ex)
{
    if (ex->handler->on_body)
        ex->handler->on_body(ex);
}

void
exchange_body_refused(struct exchange *ex, unsigned status)
{
    if (ex->handler->on_body_refused)
        ex->handler->on_body_refused(ex, status);
}

void
exchange_writable(struct exchange *ex)
{
    if (ex->handler->on_writable)
        ex->handler->on_writable(ex);
}

void
exchange_resumed(struct exchange *ex, struct position after)
{
    if (ex->handler->on_resumed)
        ex->handler->on_resumed(ex, after);
}

bool
exchange_is_at(const struct exchange *ex, struct position p)
{
    return ex->handler->is_at && ex->handler->is_at(ex, p);
}

void
exchange_gone(struct exchange *ex)
{
    if (ex->handler->on_gone)
        ex->handler->on_gone(ex);
    ex->config = NULL;
    rules_unref(&ex->rules);
}

size_t
exchange_send(struct exchange *ex, struct update *const *updates, size_t count)
{
    return ex->wire->send(ex, updates, count);
}

bool
exchange_is_flushed(const struct exchange *ex)
{
    return ex->wire->is_flushed(ex);
}

bool
exchange_send_text(struct exchange *ex, struct slice text)
{
    return ex->wire->send_text(ex, text);
}

void
exchange_end(struct exchange *ex, struct slice last)
{
    ex->wire->end(ex, last);
}

bool
exchange_part(struct exchange *ex)
{
    return ex->wire->part && ex->wire->part(ex);
}
