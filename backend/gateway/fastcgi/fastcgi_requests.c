/* fastcgi_requests - all that a connection has: who they are, who is late, what their end is to it.
 *
 *     first    in the connection itself; most have no other
 *     others   made as they begin, found by their ids in the table, freed when they are over
 *
 * Those that stream are in a list of their own, so that nothing walks through a multicast
 * connection's thousands to find the few with a deadline.
 *
 * What one gets wrong: a request is over not when it is answered but when the answer is written,
 * and the end of the last one may close the connection. */

#include "gateway/fastcgi/fastcgi_requests.h"

#include "base/alloc.h"

#include <stdlib.h>

enum {
    CROWDED_KEEP_MS = 1000,
};

void
fastcgi_requests_init(struct fastcgi_requests *all, struct link *l)
{
    all->link = l;
    list_init(&all->busy);
    list_init(&all->streams);
    all->deadline_ms = fastcgi_requests_now_ms(all) + l->gw->config->head_timeout_ms;
}

struct fastcgi_request *
fastcgi_requests_find(struct fastcgi_requests *all, uint16_t id)
{
    if (all->first.all && all->first.id == id)
        return &all->first;
    return request_table_find(all->table, id);
}

static struct fastcgi_request *
make(struct fastcgi_requests *all, uint16_t id)
{
    if (all->first.all == NULL)
        return &all->first;
    struct fastcgi_request *r = xalloc(sizeof *r);
    if (all->table == NULL)
        all->table = xalloc(sizeof *all->table);
    request_table_add(all->table, id, r);
    return r;
}

void
fastcgi_requests_begin(struct fastcgi_requests *all, uint16_t id, bool keep)
{
    struct fastcgi_request *r = make(all, id);
    fastcgi_request_init(r, all, id);
    list_append(&all->busy, &r->node);
    all->count++;
    all->keep = keep;
}

static void
release(struct fastcgi_request *r)
{
    struct fastcgi_requests *all = r->all;
    fastcgi_request_fini(r);
    list_unlink(&r->node);
    all->count--;
    if (r == &all->first) {
        r->all = NULL;
        return;
    }
    request_table_remove(all->table, r->id);
    free(r);
}

/* Among the last connections an idle one has no long time; but it has some, for a front may have
 * sent the next request already. */
static uint64_t
keep_ms(const struct fastcgi_requests *all)
{
    uint64_t most = all->link->gw->config->keepalive_timeout_ms;
    bool is_short = all->multicast == NULL && link_is_crowded(all->link) && most > CROWDED_KEEP_MS;
    return is_short ? CROWDED_KEEP_MS : most;
}

/* Its END_REQUEST is written. */
static void
finish(struct fastcgi_request *r)
{
    struct fastcgi_requests *all = r->all;
    bool is_turned_away = r->streamed && link_is_crowded(all->link);
    all->unread |= !r->stdin_done;
    release(r);
    if (all->count)
        return;
    if (all->multicast && link_is_stopping(all->link)) {
        all->multicast->parting = true; /* closes once all is written */
        link_ask_resume(all->link);
    } else if (all->multicast || (all->keep && !is_turned_away)) {
        all->unread = false; /* passed over as it comes */
        all->deadline_ms = fastcgi_requests_now_ms(all) + keep_ms(all);
    } else if (all->unread || (all->keep && link_has_unread(all->link))) {
        link_linger(all->link);
    } else {
        link_close(all->link);
    }
}

uint64_t
fastcgi_requests_due_ms(const struct fastcgi_requests *all)
{
    uint64_t due = all->count || all->multicast ? UINT64_MAX : all->deadline_ms;
    LIST_EACH(node, after, &all->busy)
    {
        const struct fastcgi_request *r = CONTAINER_OF(node, struct fastcgi_request, node);
        if (r->deadline_ms && r->deadline_ms < due)
            due = r->deadline_ms;
    }
    return due;
}

void
fastcgi_requests_resume(struct fastcgi_requests *all)
{
    LIST_EACH(node, after, &all->busy)
    {
        struct fastcgi_request *r = CONTAINER_OF(node, struct fastcgi_request, node);
        fastcgi_request_resume(r);
        if (fastcgi_request_is_answered(r) && (all->multicast || link_is_flushed(all->link)))
            finish(r);
    }
}

void
fastcgi_requests_writable(struct fastcgi_requests *all)
{
    bool was_full = all->multicast && all->multicast->full;
    if (was_full)
        all->multicast->full = false;
    LIST_EACH(node, after, &all->busy)
    {
        fastcgi_request_writable(CONTAINER_OF(node, struct fastcgi_request, node));
    }
    LIST_EACH(other, behind, &all->streams)
    {
        struct fastcgi_request *r = CONTAINER_OF(other, struct fastcgi_request, node);
        if (was_full || !r->exchange.is_multicast)
            exchange_writable(&r->exchange);
    }
}

void
fastcgi_requests_refuse_late(struct fastcgi_requests *all)
{
    uint64_t now = fastcgi_requests_now_ms(all);
    LIST_EACH(node, after, &all->busy)
    {
        struct fastcgi_request *r = CONTAINER_OF(node, struct fastcgi_request, node);
        if (r->deadline_ms && now >= r->deadline_ms)
            fastcgi_request_refuse_late(r);
    }
}

void
fastcgi_requests_drain(struct fastcgi_requests *all)
{
    LIST_EACH(node, after, &all->busy)
    {
        fastcgi_request_drain(CONTAINER_OF(node, struct fastcgi_request, node));
    }
}

static void
release_all(struct list *list)
{
    LIST_EACH(node, after, list)
    {
        struct fastcgi_request *r = CONTAINER_OF(node, struct fastcgi_request, node);
        r->exchange.may_return = r->exchange.is_multicast;
        release(r);
    }
}

void
fastcgi_requests_release(struct fastcgi_requests *all)
{
    release_all(&all->streams);
    release_all(&all->busy);
    multicast_free(&all->multicast);
    free(all->table);
}

size_t
fastcgi_requests_held(const struct fastcgi_requests *all)
{
    size_t bytes = 0;
    LIST_EACH(node, after, &all->busy)
    {
        bytes += fastcgi_request_held(CONTAINER_OF(node, struct fastcgi_request, node));
    }
    return bytes;
}
