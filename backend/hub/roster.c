/* roster - a list of active subscriptions: of all, of one matcher, or one of them.
 *
 * A list is as of one position of the registry, and so is its cursor: whoever subscribes from there
 * on hears of all that the list does not say. Nothing that is not committed is in it.
 *
 * References to all that it holds are collected first, so its length is told and its reader may be
 * slow. Most lists are two steps and one write. Longer ones take a place, or stand in line for one,
 * and go on by turns with others, a piece once the one before it is written; there is a bound for
 * how many, and for how long: what ends meanwhile stays in memory until who lists it has read it.
 *
 *     in line -> collecting -> sending -> dropping      steps; in the queue while there is one
 *
 * What one gets wrong: who stands in line must not hold up the registry, so his walk begins when he
 * has a place, and his list is as of then.
 *
 * life: list() -> leave(), as soon as the exchange is over -> dropped step by step -> freed. */

#include "hub/roster.h"

#include "base/alloc.h"
#include "base/log.h"
#include "hub/access.h"
#include "hub/catch_up_queue.h"
#include "hub/home.h"
#include "hub/roster_head.h"
#include "hub/roster_page.h"
#include "hub/roster_path.h"
#include "hub/settling.h"
#include "metrics/metrics.h"
#include "request/reply.h"

#include <stdlib.h>

enum {
    PIECE = 65536,     /* bytes of a list that are written at once */
    STEP_COST = 65536, /* of collecting or dropping, in bytes that are sent */
    STEPS_AT_ONCE = 2, /* of collecting: for most lists that is all */
};

struct roster_desk {
    struct hub_worker *home;
    struct catch_up_queue *queue;
    struct list all;
    struct list line; /* wait for a place, by `turn` */
    size_t places;    /* taken */
};

struct roster {
    struct roster_desk *desk;
    struct exchange *exchange; /* NULL: it is over */
    struct list node;          /* in desk->all */
    struct list turn;          /* in the queue, in the line, or in none */
    struct roster_path path;
    struct roster_title title;
    struct roster_query query;
    struct roster_page page;
    struct buf cursor;
    struct timer timer;
    bool has_place;
    bool is_sending; /* its head is out */
};

static void on_timer(struct timer *);
static bool open_page(struct roster *);
static void collect(struct roster *, unsigned steps);

static struct roster_desk *
desk_of(const struct exchange *ex)
{
    return hub_worker_of(ex->worker)->rosters;
}

static void
go_on(struct roster *r)
{
    catch_up_queue_add(r->desk->queue, &r->turn);
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

static void
arm(struct roster *r)
{
    timer_disarm(&r->timer);
    timer_arm(worker_timers(r->exchange->worker), &r->timer,
              r->exchange->config->subscription_list_timeout_ms);
}

static bool
is_full(const struct roster_desk *desk)
{
    return desk->places >= desk->home->rules->config->max_subscription_lists;
}

/* The first in line have places now. */
static void
let_in(struct roster_desk *desk)
{
    while (!is_full(desk) && !list_is_empty(&desk->line)) {
        struct roster *r = CONTAINER_OF(list_shift(&desk->line), struct roster, turn);
        r->has_place = true;
        desk->places++;
        arm(r);
        go_on(r);
    }
}

/* The exchange is over, or about to be. */
static void
leave(struct roster *r)
{
    timer_disarm(&r->timer);
    list_unlink(&r->turn);
    r->exchange->request->held = 0;
    r->exchange->state = NULL;
    r->exchange = NULL;
    if (r->has_place) {
        r->desk->places--;
        let_in(r->desk);
    }
    if (roster_page_drop(&r->page) == ROSTER_DONE)
        release(r);
    else
        go_on(r);
}

static void
on_gone(struct exchange *ex)
{
    if (ex->state)
        leave(ex->state);
}

/* Its reader took too long; or there was no place all the while. */
static void
on_timer(struct timer *t)
{
    struct roster *r = CONTAINER_OF(t, struct roster, timer);
    struct exchange *ex = r->exchange;
    if (r->is_sending) {
        metrics_bound_met(METRIC_subscription_list_timeout, ex->id);
        exchange_cut(ex);
    } else {
        metrics_bound_met(METRIC_max_subscription_lists, ex->id);
        reply_text(
            ex, 503,
            SLICE("Too many long lists are under way at the moment (max_subscription_lists).\n"));
    }
    leave(r);
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

/* Something was sent, or all of it. */
static void
await(struct roster *r)
{
    if (r->exchange->request->rest == 0)
        leave(r);
    else if (exchange_is_flushed(r->exchange))
        go_on(r);
    else
        list_unlink(&r->turn);
}

static size_t
send_more(struct roster *r)
{
    struct buf piece;
    buf_init(&piece, SIZE_MAX);
    fill(r, &piece);
    size_t size = piece.len;
    if (piece.failed) {
        exchange_cut(r->exchange);
        leave(r);
    } else {
        exchange_add(r->exchange, buf_slice(&piece));
        await(r);
    }
    buf_fini(&piece);
    return size;
}

/* All is collected: the head, and the first piece. */
static void
send(struct roster *r)
{
    struct roster_page *p = &r->page;
    struct roster_head h;
    struct buf piece;
    buf_init(&piece, SIZE_MAX);
    roster_text_open(&piece, &r->title);
    size_t length = piece.len + p->length + ROSTER_TEXT_CLOSE.len;
    trace(r);
    if (p->keeps)
        fill(r, &piece);
    roster_head_begin(&h, r->exchange, &r->title);
    if (p->has_more)
        roster_head_add_next(&h, &r->title, &r->query, p->last);
    h.etag.failed |= piece.failed || p->failed;
    h.reply.body = buf_slice(&piece);
    h.reply.rest = length - piece.len;
    r->is_sending = true;
    if (roster_head_send(&h, r->exchange, &r->title, &p->total))
        await(r);
    else
        leave(r);
    buf_fini(&piece);
}

/* --- collecting ------------------------------------------------------------------------------- */

/* Has it a place? Otherwise it stands in line. */
static bool
take_place(struct roster *r)
{
    struct roster_desk *desk = r->desk;
    if (r->has_place)
        return true;
    arm(r);
    exchange_wait(r->exchange);
    r->has_place = !is_full(desk);
    desk->places += r->has_place;
    if (r->has_place)
        return true;
    while (roster_page_drop(&r->page) == ROSTER_GOES_ON)
        continue; /* little is collected yet */
    r->exchange->request->held = 0;
    list_append(&desk->line, &r->turn);
    return false;
}

static bool
is_short(const struct roster *r)
{
    return r->page.length <= PIECE || !r->page.keeps;
}

static void
collect(struct roster *r, unsigned steps)
{
    enum roster_progress progress = ROSTER_GOES_ON;
    while (progress == ROSTER_GOES_ON && steps-- > 0)
        progress = roster_page_collect(&r->page);
    r->exchange->request->held = r->page.held;
    if (progress == ROSTER_DONE && (is_short(r) || take_place(r)))
        send(r);
    else if (progress == ROSTER_GOES_ON && take_place(r))
        go_on(r);
}

static size_t
step(struct list *node)
{
    struct roster *r = CONTAINER_OF(node, struct roster, turn);
    if (r->exchange == NULL) {
        if (roster_page_drop(&r->page) == ROSTER_DONE)
            release(r);
    } else if (r->is_sending) {
        return 2 * send_more(r);
    } else if (r->page.is_open || open_page(r)) {
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
set_cursor(struct roster_title *title, const struct buf *id)
{
    title->cursor = id->len ? buf_slice(id) : SLICE("earliest");
}

/* False: the client has it already, and it is over. */
static bool
open_page(struct roster *r)
{
    struct exchange *ex = r->exchange;
    buf_clear(&r->cursor);
    roster_page_begin(&r->page, transport_registry(r->desk->home->hub->transport), r->path.dialect,
                      r->path.id, &r->query, !slice_eq(ex->request->method, SLICE("HEAD")),
                      &r->cursor);
    set_cursor(&r->title, &r->cursor);
    if (r->page.walk.id_may_recur || !roster_head_answer_known(ex, &r->title))
        return true;
    leave(r);
    return false;
}

static void
list(struct exchange *ex, const struct roster_path *p, const struct roster_query *q)
{
    struct roster *r = xalloc(sizeof *r);
    r->desk = desk_of(ex);
    r->exchange = ex;
    r->path = *p;
    r->query = *q;
    r->title = (struct roster_title){.dialect = p->dialect, .path = ex->request->path};
    list_init(&r->turn);
    list_append(&r->desk->all, &r->node);
    timer_init(&r->timer, on_timer);
    buf_init(&r->cursor, SIZE_MAX);
    ex->state = r;
    if (open_page(r))
        collect(r, STEPS_AT_ONCE);
}

static void
show(struct exchange *ex, struct registry *registry, const struct roster_path *p)
{
    struct roster_title title = {.dialect = p->dialect, .path = ex->request->path};
    struct roster_head h;
    struct buf cursor, body;
    buf_init(&cursor, SIZE_MAX);
    buf_init(&body, SIZE_MAX);
    struct active *a = registry_find(registry, p->dialect, p->id, &cursor);
    set_cursor(&title, &cursor);
    if (a == NULL) {
        reply_text(ex, 404, SLICE("This subscription is not active.\n"));
    } else if (!roster_head_answer_known(ex, &title)) {
        roster_text_item(&body, &title, a->json);
        roster_head_begin(&h, ex, &title);
        h.etag.failed |= body.failed;
        h.reply.body = buf_slice(&body);
        roster_head_send(&h, ex, &title, NULL);
    }
    active_unref(&a);
    buf_fini(&body);
    buf_fini(&cursor);
}

/* False: it is answered. */
static bool
read_path(struct exchange *ex, struct roster_path *p)
{
    *p = roster_path_read(&ex->arena, slice_of(ex->config->path), ex->request->path,
                          ex->config->speaks);
    if (p->kind == ROSTER_NOWHERE)
        reply_text(
            ex, 404,
            SLICE("There is no list here: lists are at /subscriptions, below it at /{topic} (0.x) "
                  "or /{match_type}/{match} (1.0), each part percent-encoded.\n"));
    else if (p->kind == ROSTER_UNKNOWN_TYPE)
        reply_text(ex, 400, SLICE("The type of a matcher is exact or urlpattern.\n"));
    else if (p->kind == ROSTER_NO_ROOM)
        roster_head_refuse_memory(ex);
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
        reply_text(ex, 404,
                   SLICE("The directive subscriptions is not set. (It takes a restart.)\n"));
        return;
    }
    if (!read_path(ex, &path) || !access_read(ex, ROLE_SUBSCRIBE, true, &grant))
        return;
    const char *fault =
        roster_query_read(&ex->arena, ex->request->query, ex->config->max_matchers, &query);
    if (path.kind == ROSTER_ALL)
        path.dialect = grant->dialect;
    bool may = access_allow_path(ex, grant);
    grant_unref(&grant);
    if (may && fault)
        reply_text(ex, 400, slice_of(fault));
    if (!may || fault || settling_waits(ex))
        return;
    if (path.kind == ROSTER_ITEM)
        show(ex, registry, &path);
    else
        list(ex, &path, &query);
}

const struct exchange_handler roster_handler = {
    .on_head = on_head,
    .on_writable = on_writable,
    .on_gone = on_gone,
};

/* --- of a worker ------------------------------------------------------------------------------ */

struct roster_desk *
roster_desk_new(struct hub_worker *home)
{
    struct roster_desk *desk = xalloc(sizeof *desk);
    desk->home = home;
    desk->queue = catch_up_queue_new(home->worker, step);
    list_init(&desk->all);
    list_init(&desk->line);
    return desk;
}

void
roster_desk_free(struct roster_desk **ref)
{
    struct roster_desk *desk = *ref;
    *ref = NULL;
    LIST_EACH(node, after, &desk->all)
    {
        struct roster *r = CONTAINER_OF(node, struct roster, node);
        while (roster_page_drop(&r->page) == ROSTER_GOES_ON)
            continue;
        release(r);
    }
    catch_up_queue_free(&desk->queue);
    free(desk);
}
