/* census - who is connected: the streams of this process, page by page, as JSON.
 *
 * For whoever may ask for the metrics, at the same sockets, on this machine. One message goes from
 * worker to worker and writes the page; a turn looks at a bounded number of streams, and whoever
 * does not ask pays a serial and an address for each. A page is of no one moment: a stream is on
 * one page at most, and one that was there all the while is on one.
 *
 * life: on_head -> visit on each worker -> answered at home -> freed, whoever has left meanwhile.
 */

#include "hub/census.h"

#include "base/alloc.h"
#include "hub/operator.h"
#include "hub/stream.h"
#include "metrics/metrics.h"
#include "request/form.h"
#include "request/reply.h"
#include "topic/text.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

enum {
    PAGE = 200,           /* streams, unless the request says less */
    MAX_PAGE = 1000,      /* whatever it says */
    PAGE_BYTES = 1 << 18, /* past that a page is full */
    TOPIC_BYTES = 4096,   /* of one stream's topics; what is longer is cut, and says so */
    SUBJECT_BYTES = 256,
    STEPS_A_TURN = 1024,    /* a stream that is passed over is one */
    STEPS_OF_A_STREAM = 32, /* one that is written */
    BATCHES_COUNTED = 64,   /* of the tail, to say how far behind somebody is */
};

struct census {
    struct message message;
    struct worker *origin;
    struct hub *hub;
    unsigned number; /* of the worker where it is; hub->workers: it was everywhere */
    struct stream_look look;
    uint64_t after; /* only streams with a later serial */
    size_t left;    /* that the page still takes */
    bool has_begun; /* with this worker */
    struct buf page;
    struct exchange *exchange; /* the origin's thread alone; NULL: whoever asked has left */
};

/* --- a stream --------------------------------------------------------------------------------- */

static void
write_address(struct buf *out, const unsigned char address[16])
{
    static const unsigned char none[16], v4[12] = {[10] = 0xff, [11] = 0xff};
    char text[INET6_ADDRSTRLEN] = "";
    bool is_4 = memcmp(address, v4, sizeof v4) == 0;
    if (memcmp(address, none, sizeof none) != 0)
        inet_ntop(is_4 ? AF_INET : AF_INET6, is_4 ? address + 12 : address, text, sizeof text);
    buf_addf(out, "\"address\":\"%s\"", text);
}

/* As `alipes subscribe` would be told it. */
static void
write_matcher(struct buf *out, const struct hub_worker *home, const struct entry *e)
{
    const struct pattern_entry *p = e->is_pattern ? pattern_entry_of(e) : NULL;
    struct slice text = e == &home->index.everything ? SLICE("*")
                        : p                          ? matcher_text(p->matcher)
                                                     : index_exact_text(e);
    if (p && p->type == MATCHER_URLPATTERN)
        buf_add(out, SLICE("{\"urlpattern\":"));
    text_write_json(out, text.len > TOPIC_BYTES ? slice_head_utf8(text, TOPIC_BYTES) : text);
    if (p && p->type == MATCHER_URLPATTERN)
        buf_add_byte(out, '}');
}

static void
write_matchers(struct buf *out, const struct stream *s)
{
    size_t begun = out->len;
    bool is_cut = false;
    buf_add(out, SLICE(",\"topics\":["));
    for (uint32_t i = 0; i < s->subscription_count && !is_cut; i++) {
        if (s->subscriptions[i].entry == NULL)
            continue;
        if (out->ptr[out->len - 1] != '[')
            buf_add_byte(out, ',');
        write_matcher(out, s->home, s->subscriptions[i].entry);
        is_cut = out->len - begun > TOPIC_BYTES && i + 1 < s->subscription_count;
    }
    buf_addf(out, "],\"topic_count\":%u", s->subscription_count);
}

/* Updates that wait for it in memory; null: what it needs next is in the history alone. */
static void
write_lag(struct buf *out, const struct stream *s)
{
    const struct tail *t = &s->home->tail;
    uint32_t number;
    uint64_t lag = 0;
    if (s->state == STREAM_LIVE || position_cmp(s->position, s->home->taken) >= 0) {
        buf_add(out, SLICE(",\"lag\":0"));
        return;
    }
    if (s->state != STREAM_CATCHING_UP || !tail_find(t, s->position, &number)) {
        buf_add(out, SLICE(",\"lag\":null"));
        return;
    }
    uint32_t first = number;
    for (; number < t->count && number - first < BATCHES_COUNTED; number++)
        lag += tail_at(t, number)->count;
    lag -= batch_index_after(tail_at(t, first), s->position);
    buf_addf(out, ",\"lag\":%llu%s", (unsigned long long)lag,
             number < t->count ? ",\"lag_is_more\":true" : "");
}

static void
write_stream(struct buf *out, const struct stream *s)
{
    uint64_t now_s = worker_now_ms(s->home->worker) / 1000;
    buf_addf(out, "%s{\"id\":\"%u-%llu\",", out->ptr[out->len - 1] == '[' ? "" : ",",
             worker_number(s->home->worker), (unsigned long long)s->serial);
    write_address(out, s->address);
    buf_addf(out, ",\"seconds\":%llu,\"state\":\"%s\",\"waits\":%s,\"sent\":%u,\"dialect\":\"%s\"",
             (unsigned long long)(now_s - s->begun_s), stream_state_name(s),
             s->blocked ? "true" : "false", s->sent, dialect_name(s->dialect));
    write_lag(out, s);
    if (s->grant && s->grant->subject) {
        buf_add(out, SLICE(",\"sub\":"));
        text_write_json(out, slice_head_utf8(slice_of(s->grant->subject), SUBJECT_BYTES));
    }
    buf_addf(out, ",\"anonymous\":%s,\"conn\":%llu", s->grant ? "false" : "true",
             (unsigned long long)s->exchange->id);
    write_matchers(out, s);
    buf_add_byte(out, '}');
}

static struct hub_worker *
home_of(const struct census *c)
{
    return hub_worker_of(c->hub->crew[c->number]);
}

/* --- from worker to worker -------------------------------------------------------------------- */

static void on_visit(struct worker *, struct message *);

static void
answer(struct census *c)
{
    struct reply r;
    struct exchange *ex = c->exchange;
    ex->state = NULL;
    if (c->page.failed) {
        reply_text(ex, 503, SLICE("No memory for this page.\n"));
        return;
    }
    reply_begin(ex, &r, 200);
    reply_add(&r, SLICE("Content-Type"), SLICE("application/json"));
    reply_add(&r, SLICE("Cache-Control"), SLICE("no-store"));
    r.body = buf_slice(&c->page);
    exchange_reply(ex, &r);
}

static void
on_home(struct worker *worker, struct message *m)
{
    struct census *c = CONTAINER_OF(m, struct census, message);
    (void)worker;
    atomic_fetch_sub(&c->hub->publishes_underway, 1);
    atomic_fetch_sub(&c->hub->censuses, 1);
    if (c->exchange)
        answer(c);
    buf_fini(&c->page);
    free(c);
}

static void
go_home(struct census *c)
{
    buf_add(&c->page, SLICE("]"));
    if (c->number < c->hub->workers)
        buf_addf(&c->page, ",\"next\":\"%u-%llu\"", c->number, (unsigned long long)c->after);
    buf_add(&c->page, SLICE("}\n"));
    c->message.receive = on_home;
    worker_post(c->origin, &c->message);
}

static bool
is_full(const struct census *c)
{
    return c->left == 0 || c->page.len > PAGE_BYTES || c->page.failed;
}

static void
go_on(struct census *c)
{
    if (c->number == c->hub->workers || is_full(c))
        go_home(c);
    else
        worker_post(c->hub->crew[c->number], &c->message);
}

/* One turn's part. False: this worker has no further stream. */
static bool
visit(struct census *c)
{
    for (size_t steps = 0; steps < STEPS_A_TURN; steps++) {
        if (is_full(c))
            return true;
        struct stream *s = stream_look_next(home_of(c), &c->look);
        if (s == NULL)
            return false;
        if (s->serial <= c->after)
            continue;
        c->after = s->serial;
        c->left--;
        write_stream(&c->page, s);
        steps += STEPS_OF_A_STREAM;
    }
    return true;
}

static void
on_visit(struct worker *worker, struct message *m)
{
    struct census *c = CONTAINER_OF(m, struct census, message);
    (void)worker;
    if (!c->has_begun)
        stream_look_begin(home_of(c), &c->look);
    c->has_begun = true;
    bool has_more = visit(c);
    if (!has_more || is_full(c)) {
        list_unlink(&c->look.node);
        c->has_begun = false;
    }
    if (!has_more) {
        c->number++;
        c->after = 0;
    }
    go_on(c);
}

/* --- what is asked ---------------------------------------------------------------------------- */

static bool
read_after(struct census *c, struct slice value)
{
    uint64_t number;
    size_t dash = slice_index(value, '-');
    bool ok = slice_u64(slice_head(value, dash), UINT32_MAX, &number) && number < c->hub->workers &&
              slice_u64(slice_from(value, dash + 1), UINT64_MAX, &c->after);
    c->number = ok ? (unsigned)number : 0;
    return ok;
}

static bool
read_limit(struct census *c, struct slice value)
{
    uint64_t limit;
    if (!slice_u64(value, UINT64_MAX, &limit) || limit == 0)
        return false;
    c->left = limit > MAX_PAGE ? MAX_PAGE : (size_t)limit;
    return true;
}

static bool
read_query(struct census *c, struct exchange *ex)
{
    struct form form = {ex->request->query};
    struct slice name, value;
    bool failed = false, ok = true;
    c->left = PAGE;
    while (ok && form_next(&form, &ex->arena, &name, &value, &failed))
        ok = slice_eq(name, SLICE("after"))   ? read_after(c, value)
             : slice_eq(name, SLICE("limit")) ? read_limit(c, value)
                                              : true;
    return ok && !failed;
}

static void
begin(struct exchange *ex, struct hub *hub)
{
    struct census *c = xalloc(sizeof *c);
    *c = (struct census){.message.receive = on_visit, .origin = ex->worker, .hub = hub};
    if (!read_query(c, ex)) {
        atomic_fetch_sub(&hub->censuses, 1);
        free(c);
        reply_text(ex, 400, SLICE("limit is a number from 1 on, after is what `next` said.\n"));
        return;
    }
    buf_init(&c->page, 4 * PAGE_BYTES);
    buf_add(&c->page, SLICE("{\"streams\":["));
    c->exchange = ex;
    ex->state = c;
    atomic_fetch_add(&hub->publishes_underway, 1);
    exchange_wait(ex);
    go_on(c);
}

/* False: it is answered. */
static bool
take_place(struct exchange *ex, struct hub *hub)
{
    if (atomic_load(&hub->stopping)) {
        reply_text(ex, 503, SLICE("The hub is stopping.\n"));
        return false;
    }
    if (atomic_fetch_add(&hub->censuses, 1) < ex->config->max_stream_pages)
        return true;
    atomic_fetch_sub(&hub->censuses, 1);
    metrics_bound_met(METRIC_max_stream_pages, ex->id);
    reply_text(ex, 503, SLICE("Others ask that already (max_stream_pages).\n"));
    return false;
}

static void
on_head(struct exchange *ex)
{
    struct hub *hub = hub_worker_of(ex->worker)->hub;
    if (!operator_asks(ex))
        reply_text(ex, 403,
                   SLICE("Who is connected is told to `alipes streams`, on the hub's own "
                         "machine.\n"));
    else if (take_place(ex, hub))
        begin(ex, hub);
}

static void
on_gone(struct exchange *ex)
{
    struct census *c = ex->state;
    if (c)
        c->exchange = NULL;
}

const struct exchange_handler census_handler = {
    .on_head = on_head,
    .on_gone = on_gone,
};
