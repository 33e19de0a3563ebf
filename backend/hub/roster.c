/* roster - a list of active subscriptions: of all, of one matcher, or one of them.
 *
 * A list is as of one position of the registry, and so is its cursor: whoever subscribes from there
 * on hears of all that the list does not say. Nothing that is not committed is in it.
 *
 * References to all that it holds are collected first, so its length is told and its reader may be
 * slow. Most lists are one step; longer ones go on by turns with others (home->listing), a piece
 * once the one before it is written, and there is a bound for how many, and for how long: what ends
 * meanwhile stays in memory until who lists it has read it.
 *
 *     collecting -> sending -> dropping        steps; in the queue while there is one to make
 *
 * life: begin() -> the exchange is over -> dropped step by step -> freed. Only the first part of it
 * may look at the exchange. */

#include "hub/roster.h"

#include "base/alloc.h"
#include "base/log.h"
#include "hub/access.h"
#include "hub/catch_up_queue.h"
#include "hub/home.h"
#include "hub/roster_page.h"
#include "hub/roster_path.h"
#include "hub/roster_text.h"
#include "metrics/metrics.h"
#include "request/etag.h"
#include "request/reply.h"

#include <stdlib.h>

enum {
    PIECE = 65536,     /* bytes of a long list that are written at once */
    STEP_COST = 32768, /* of collecting or dropping, in bytes that are sent */
    STEPS_AT_ONCE = 4, /* of collecting: for most lists that is all */
};

struct roster {
    struct hub_worker *home;
    struct exchange *exchange; /* NULL: it is over */
    struct list node;          /* in home->rosters */
    struct list turn;          /* in the queue, or in none */
    struct roster_title title;
    struct roster_query query;
    struct roster_page page;
    struct buf cursor;
    struct timer timer;
    bool is_long;    /* counted in hub->rosters */
    bool is_sending; /* its head is out */
};

/* --- the head --------------------------------------------------------------------------------- */

struct head {
    struct reply reply;
    struct buf etag, link;
};

static void
head_fini(struct head *h)
{
    buf_fini(&h->etag);
    buf_fini(&h->link);
}

static void
head_begin(struct head *h, struct exchange *ex, const struct roster_title *title)
{
    reply_begin(ex, &h->reply, 200);
    buf_init(&h->etag, SIZE_MAX);
    buf_init(&h->link, SIZE_MAX);
    etag_add(&h->etag, title->cursor);
    roster_text_link(&h->link, title, slice_of(ex->config->path));
}

/* `total` NULL: it is no list. */
static void
head_send(struct head *h, struct exchange *ex, const struct roster_title *title,
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
    head_fini(h);
}

/* Does the client have it as of this cursor? Then it hears so. */
static bool
is_known(struct exchange *ex, const struct roster_title *title)
{
    const struct request *r = ex->request;
    struct slice bare = title->dialect == DIALECT_0X ? title->cursor : SLICE_OF(NULL, 0);
    struct head h;
    struct buf tag;
    bool known = false;
    buf_init(&tag, SIZE_MAX);
    etag_add(&tag, title->cursor);
    for (size_t i = 0; i < r->header_count && !known; i++)
        known = slice_eq_nocase(r->headers[i].name, SLICE("If-None-Match")) &&
                etag_is_listed(r->headers[i].value, buf_slice(&tag), bare);
    buf_fini(&tag);
    if (known) {
        head_begin(&h, ex, title);
        h.reply.status = 304;
        head_send(&h, ex, title, NULL);
    }
    return known;
}

static void
refuse_memory(struct exchange *ex)
{
    reply_text(ex, 503, SLICE("There is no memory for the list.\n"));
}

static void
set_cursor(struct roster_title *title, const struct buf *id)
{
    title->cursor = id->len ? buf_slice(id) : SLICE("earliest");
}

/* --- its end ---------------------------------------------------------------------------------- */

static void
release(struct roster *r)
{
    list_unlink(&r->node);
    list_unlink(&r->turn);
    buf_fini(&r->cursor);
    free(r);
}

/* The exchange is over, or about to be. */
static void
leave(struct roster *r)
{
    timer_disarm(&r->timer);
    r->exchange->request->held = 0;
    r->exchange->state = NULL;
    r->exchange = NULL;
    if (r->is_long)
        atomic_fetch_sub(&r->home->hub->rosters, 1);
    if (roster_page_drop(&r->page) == ROSTER_DONE)
        release(r);
    else
        catch_up_queue_add(r->home->listing, &r->turn);
}

static void
on_gone(struct exchange *ex)
{
    if (ex->state)
        leave(ex->state);
}

void
roster_free_all(struct hub_worker *home)
{
    LIST_EACH(node, after, &home->rosters)
    {
        struct roster *r = CONTAINER_OF(node, struct roster, node);
        while (roster_page_drop(&r->page) == ROSTER_GOES_ON)
            continue;
        release(r);
    }
}

/* Its reader took too long. */
static void
on_timer(struct timer *t)
{
    struct roster *r = CONTAINER_OF(t, struct roster, timer);
    metrics_bound_met(METRIC_subscription_list_timeout, r->exchange->id);
    list_unlink(&r->turn);
    exchange_cut(r->exchange);
}

/* --- sending ---------------------------------------------------------------------------------- */

static void
trace(const struct roster *r)
{
    const struct exchange *ex = r->exchange;
    if (log_wants(LOG_DEBUG))
        log_line(LOG_DEBUG, "listed", "conn=%llu path=%s dialect=%s total=%zu count=%zu bytes=%zu",
                 (unsigned long long)ex->id, LOG_SLICE(ex->request->path),
                 dialect_name(r->title.dialect), r->page.total, r->page.count, r->page.length);
}

/* Writes on in `out`: to its end, or to the end of a piece. */
static void
fill(struct roster *r, struct buf *out)
{
    if (roster_page_write(&r->page, out, PIECE) == ROSTER_DONE)
        buf_add(out, ROSTER_TEXT_CLOSE);
    r->exchange->request->held = r->page.held;
}

static void
await(struct roster *r)
{
    if (exchange_is_flushed(r->exchange))
        catch_up_queue_add(r->home->listing, &r->turn);
    else
        list_unlink(&r->turn);
}

static size_t
send_more(struct roster *r)
{
    struct exchange *ex = r->exchange;
    struct buf piece;
    buf_init(&piece, SIZE_MAX);
    fill(r, &piece);
    size_t size = piece.len;
    if (piece.failed)
        exchange_cut(ex);
    else
        exchange_add(ex, buf_slice(&piece));
    bool ends = piece.failed || ex->request->rest == 0;
    buf_fini(&piece);
    if (ends)
        leave(r);
    else
        await(r);
    return size;
}

/* All is collected: the head, and the first piece. */
static void
send(struct roster *r)
{
    struct exchange *ex = r->exchange;
    struct head h;
    struct buf piece;
    buf_init(&piece, SIZE_MAX);
    roster_text_open(&piece, &r->title);
    size_t length = piece.len + r->page.length + ROSTER_TEXT_CLOSE.len;
    trace(r);
    if (r->page.keeps)
        fill(r, &piece);
    head_begin(&h, ex, &r->title);
    if (r->page.has_more)
        roster_text_link_next(&h.link, &r->title, &r->query, r->page.last);
    if (piece.failed || r->page.failed || h.link.failed || h.etag.failed) {
        head_fini(&h);
        refuse_memory(ex);
        leave(r);
    } else {
        h.reply.body = buf_slice(&piece);
        h.reply.rest = length - piece.len;
        r->is_sending = true;
        head_send(&h, ex, &r->title, &r->page.total);
        if (ex->request->rest == 0) {
            leave(r);
        } else {
            timer_arm(worker_timers(ex->worker), &r->timer,
                      ex->config->subscription_list_timeout_ms);
            await(r);
        }
    }
    buf_fini(&piece);
}

/* --- collecting ------------------------------------------------------------------------------- */

static bool
take_place(struct roster *r)
{
    struct exchange *ex = r->exchange;
    if (r->is_long)
        return true;
    if (atomic_fetch_add(&r->home->hub->rosters, 1) >= ex->config->max_subscription_lists) {
        atomic_fetch_sub(&r->home->hub->rosters, 1);
        metrics_bound_met(METRIC_max_subscription_lists, ex->id);
        reply_text(ex, 503, SLICE("Too many long lists are under way at the moment.\n"));
        leave(r);
        return false;
    }
    r->is_long = true;
    exchange_wait(ex);
    return true;
}

static void
collect(struct roster *r, unsigned steps)
{
    enum roster_progress progress = ROSTER_GOES_ON;
    while (progress == ROSTER_GOES_ON && steps-- > 0)
        progress = roster_page_collect(&r->page);
    r->exchange->request->held = r->page.held;
    if (progress == ROSTER_DONE && (r->page.length <= PIECE || !r->page.keeps || take_place(r)))
        send(r);
    else if (progress == ROSTER_GOES_ON && take_place(r))
        catch_up_queue_add(r->home->listing, &r->turn);
}

size_t
roster_step(struct list *node)
{
    struct roster *r = CONTAINER_OF(node, struct roster, turn);
    if (r->exchange == NULL) {
        if (roster_page_drop(&r->page) == ROSTER_DONE)
            release(r);
    } else if (r->is_sending) {
        return send_more(r);
    } else {
        collect(r, 1);
    }
    return STEP_COST;
}

static void
on_writable(struct exchange *ex)
{
    if (ex->state)
        await(ex->state);
}

/* --- beginning -------------------------------------------------------------------------------- */

static void
list(struct exchange *ex, struct registry *registry, const struct roster_path *p,
     const struct roster_query *q)
{
    struct hub_worker *home = hub_worker_of(ex->worker);
    struct roster *r = xalloc(sizeof *r);
    r->home = home;
    r->exchange = ex;
    r->query = *q;
    r->title = (struct roster_title){.dialect = p->dialect, .path = ex->request->path};
    list_init(&r->turn);
    list_append(&home->rosters, &r->node);
    timer_init(&r->timer, on_timer);
    buf_init(&r->cursor, SIZE_MAX);
    ex->state = r;
    roster_page_begin(&r->page, registry, p->dialect, p->id, &r->query,
                      !slice_eq(ex->request->method, SLICE("HEAD")), &r->cursor);
    set_cursor(&r->title, &r->cursor);
    if (is_known(ex, &r->title))
        leave(r);
    else
        collect(r, STEPS_AT_ONCE);
}

static void
show(struct exchange *ex, struct registry *registry, const struct roster_path *p)
{
    struct roster_title title = {.dialect = p->dialect, .path = ex->request->path};
    struct buf cursor, body;
    buf_init(&cursor, SIZE_MAX);
    buf_init(&body, SIZE_MAX);
    struct active *a = registry_find(registry, p->dialect, p->id, &cursor);
    set_cursor(&title, &cursor);
    if (a == NULL) {
        reply_text(ex, 404, SLICE("This subscription is not active.\n"));
    } else if (!is_known(ex, &title)) {
        struct head h;
        roster_text_item(&body, &title, a->json);
        head_begin(&h, ex, &title);
        h.reply.body = buf_slice(&body);
        head_send(&h, ex, &title, NULL);
    }
    active_unref(&a);
    buf_fini(&body);
    buf_fini(&cursor);
}

/* Does the token grant `subscribe` on this very path? Else it is answered. */
static bool
may_read(struct exchange *ex, const struct grant *grant)
{
    struct topic topic = topic_of(ex->request->path);
    uint64_t steps = rights_budget(grant->rights, 1);
    bool allowed = rights_allow(grant->rights, ROLE_SUBSCRIBE, &topic, &steps);
    topic_fini(&topic);
    if (!allowed)
        access_refuse_topic(ex, ROLE_SUBSCRIBE, grant, topic.text);
    return allowed;
}

/* False: it is answered. */
static bool
read_path(struct exchange *ex, struct roster_path *p)
{
    *p = roster_path_read(&ex->arena, slice_of(ex->config->path), ex->request->path,
                          ex->config->speaks);
    if (p->kind == ROSTER_NOWHERE)
        reply_text(ex, 404,
                   SLICE("There is no list here; a matcher's is at /subscriptions/ and its path, "
                         "each part percent-encoded.\n"));
    else if (p->kind == ROSTER_UNKNOWN_TYPE)
        reply_text(ex, 400, SLICE("The type of a matcher is exact or urlpattern.\n"));
    else if (p->kind == ROSTER_NO_ROOM)
        refuse_memory(ex);
    return p->kind > ROSTER_NO_ROOM;
}

static void
on_head(struct exchange *ex)
{
    struct registry *registry = transport_registry(hub_worker_of(ex->worker)->hub->transport);
    struct roster_path path;
    struct roster_query query;
    struct grant *grant;
    if (registry == NULL) {
        reply_text(ex, 404, SLICE("The directive subscriptions is not set.\n"));
        return;
    }
    if (!read_path(ex, &path) || !access_read(ex, ROLE_SUBSCRIBE, true, &grant))
        return;
    const char *fault =
        roster_query_read(&ex->arena, ex->request->query, ex->config->max_matchers, &query);
    if (path.kind == ROSTER_ALL)
        path.dialect = grant->dialect;
    bool may = may_read(ex, grant);
    grant_unref(&grant);
    if (may && fault)
        reply_text(ex, 400, slice_of(fault));
    else if (may && path.kind == ROSTER_ITEM)
        show(ex, registry, &path);
    else if (may)
        list(ex, registry, &path, &query);
}

const struct exchange_handler roster_handler = {
    .on_head = on_head,
    .on_writable = on_writable,
    .on_gone = on_gone,
};
