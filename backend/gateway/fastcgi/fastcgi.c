/* fastcgi - one connection: its records, and the requests they belong to: one, or several where
 * multiplexing is on.
 *
 * Records are worked off as their bytes come; only a record that must be whole (BEGIN_REQUEST and
 * the management records) waits for its end, and until all that was answered before is written: a
 * peer that does not read is not answered. What cannot be worked off yet stays in link.in. A
 * record for a request that does not run is passed over, as the specification has it: so the rest
 * of a body that was refused drains away on a kept connection; on one that closes, it lingers. */

#include "gateway/fastcgi/fastcgi.h"

#include "base/alloc.h"
#include "gateway/fastcgi/fastcgi_requests.h"
#include "gateway/fastcgi/framing.h"
#include "gateway/fastcgi/management.h"
#include "gateway/fastcgi/multicast_record.h"
#include "gateway/fastcgi/places.h"
#include "gateway/fastcgi/record.h"

#include <fastcgi.h>

enum {
    MANAGEMENT_BYTES = 4096, /* content of a GET_VALUES: three names of our own are 50 */
    STEP_COST = 128,         /* what is worked off before others have their turn: some 10 us */
    WHOLE_COST = 16,         /* of a record that begins something or is answered */
    MULTIPLEXED = 100,       /* max_requests_per_connection, where it is not said, */
    MULTICAST = 65535,       /* and by multicast */
};

struct fastcgi {
    struct link link;
    struct fastcgi_requests requests;
    struct record record; /* whose content is being read */
    size_t content, skip; /* bytes of content and of padding that follow */
    bool reading;         /* a record has begun */
};

static struct fastcgi *
of_link(const struct link *l)
{
    return CONTAINER_OF(l, struct fastcgi, link);
}

/* The connection's one clock runs to the earliest deadline; while output waits, link has it. */
static void
settle_timer(struct fastcgi *f)
{
    uint64_t due = fastcgi_requests_due_ms(&f->requests);
    uint64_t now = fastcgi_requests_now_ms(&f->requests);
    if (f->link.connection.closed || f->link.lingering || !link_is_flushed(&f->link))
        return;
    if (due == UINT64_MAX)
        link_set_timer(&f->link, 0);
    else
        link_set_timer(&f->link, due > now ? due - now : 1);
}

static void
push(struct fastcgi *f, struct buf *b)
{
    if (b->failed)
        link_die(&f->link);
    else
        link_push(&f->link, buf_slice(b));
    buf_fini(b);
}

/* A peer that breaks the protocol: nothing it says later can be trusted. */
static void
protocol_error(struct fastcgi *f)
{
    metrics_count(METRIC_requests_bad);
    link_close(&f->link);
}

/* At a time, of a connection. */
static size_t
max_requests(const struct fastcgi *f)
{
    const struct config *c = f->link.gw->config;
    size_t most = c->max_requests_per_connection;
    if (f->requests.multicast)
        return most ? most : MULTICAST;
    return !c->fastcgi_multiplexing ? 1 : most ? most : MULTIPLEXED;
}

static void
end_at_once(struct fastcgi *f, uint16_t id, uint8_t protocol_status)
{
    struct buf b;
    buf_init(&b, SIZE_MAX);
    record_add_end(&b, id, protocol_status);
    push(f, &b);
}

static void
begin_request(struct fastcgi *f, struct slice body)
{
    const unsigned char *p = (const unsigned char *)body.ptr;
    size_t most = max_requests(f);
    uint16_t id = f->record.id;
    if (body.len < 8 || id == FCGI_NULL_REQUEST_ID || fastcgi_requests_find(&f->requests, id)) {
        protocol_error(f);
        return;
    }
    bool keep = p[2] & FCGI_KEEP_CONN;
    unsigned role = (unsigned)p[0] << 8 | p[1];
    uint8_t refused = FCGI_REQUEST_COMPLETE;
    if (role != FCGI_RESPONDER)
        refused = FCGI_UNKNOWN_ROLE;
    else if (f->requests.count && most == 1)
        refused = FCGI_CANT_MPX_CONN;
    else if (f->requests.count >= most)
        refused = FCGI_OVERLOADED;
    if (refused) {
        if (refused == FCGI_OVERLOADED)
            link_met(&f->link, METRIC_max_requests_per_connection);
        end_at_once(f, id, refused);
        if (f->requests.count == 0 && !keep)
            link_linger(&f->link);
        return;
    }
    fastcgi_requests_begin(&f->requests, id, keep);
}

static void
on_mark(struct timer *timer)
{
    struct multicast *m = CONTAINER_OF(timer, struct multicast, timer);
    struct fastcgi_requests *all = &of_link(m->link)->requests;
    timer_arm(worker_timers(m->link->connection.worker), timer, places_mark(all));
}

static void
manage(struct fastcgi *f, struct slice content)
{
    bool begins = f->record.type == FCGI_GET_VALUES && f->requests.multicast == NULL &&
                  management_asks_multicast(content);
    if (begins) {
        f->requests.multicast = multicast_new(&f->link, on_mark);
        link_tune_for_streaming(&f->link);
    }
    size_t conns = f->link.door->listener.max_connections;
    size_t reqs = max_requests(f);
    struct buf b;
    buf_init(&b, SIZE_MAX);
    management_answer(&b, f->record.type, content, conns, reqs == 1 ? conns : reqs, reqs > 1);
    push(f, &b);
    if (begins)
        on_mark(&f->requests.multicast->timer);
}

/* Of a stream. False: that is no record of its kind, or the connection speaks no such. */
static bool
steer(struct fastcgi *f, struct slice content)
{
    struct fastcgi_request *r = fastcgi_requests_find(&f->requests, f->record.id);
    bool is_pause = f->record.type == MULTICAST_PAUSE;
    if (f->requests.multicast == NULL || f->record.id == FCGI_NULL_REQUEST_ID ||
        !(is_pause || f->record.type == MULTICAST_RESUME))
        return false;
    if (r && is_pause)
        places_pause(r);
    else if (r && !places_resume(r, content))
        protocol_error(f);
    return true;
}

/* Records that are worked off whole. */
static void
on_whole_record(struct fastcgi *f, struct slice content)
{
    if (f->record.type == FCGI_BEGIN_REQUEST)
        begin_request(f, content);
    else if (!steer(f, content))
        manage(f, content);
}

static bool
is_whole(const struct record *r)
{
    return r->id == FCGI_NULL_REQUEST_ID || r->type == FCGI_BEGIN_REQUEST || r->type > FCGI_MAXTYPE;
}

/* Who does not read is not answered. */
static bool
may_answer(const struct fastcgi *f)
{
    return f->requests.multicast ? multicast_has_room(f->requests.multicast)
                                 : link_is_flushed(&f->link);
}

/* What it asks for from now on it asks the next hub for. */
static bool
is_left_unread(const struct fastcgi *f)
{
    return f->requests.multicast && link_is_stopping(&f->link);
}

static bool
is_parting(const struct fastcgi *f)
{
    return f->requests.multicast && f->requests.multicast->parting;
}

/* A part of a request's record, or all of it; `end`: the empty record that ends a stream. */
static void
on_content(struct fastcgi *f, struct fastcgi_request *r, struct slice content, bool end)
{
    switch (f->record.type) {
    case FCGI_PARAMS:
        fastcgi_request_params(r, content, end);
        return;
    case FCGI_STDIN:
        if (fastcgi_request_wants_params(r))
            protocol_error(f);
        else
            fastcgi_request_stdin(r, content, end);
        return;
    case FCGI_ABORT_REQUEST:
        fastcgi_request_abort(r);
        return;
    default:
        protocol_error(f); /* nothing that a web server sends to a responder */
    }
}

/* Content that the handler may still ask for: it must stay where it is. */
static bool
must_wait(const struct fastcgi *f, const struct fastcgi_request *r)
{
    return f->record.type == FCGI_STDIN && f->content && fastcgi_request_may_want_body(r);
}

/* Works off a piece of *in. Returns what it cost; 0: nothing more can be done with it now. */
static unsigned
work_step(struct fastcgi *f, struct slice *in)
{
    if (f->link.connection.closed || f->link.lingering || f->link.dead || is_left_unread(f))
        return 0;
    if (!f->reading) {
        size_t padding = f->skip < in->len ? f->skip : in->len;
        *in = slice_from(*in, padding);
        f->skip -= padding;
        enum parse parsed = f->skip ? PARSE_MORE : record_read(*in, &f->record);
        if (parsed == PARSE_BAD)
            protocol_error(f);
        if (parsed != PARSE_OK)
            return 0;
        if (is_whole(&f->record)) {
            size_t size = RECORD_HEAD + (size_t)f->record.length;
            if (f->record.length > MANAGEMENT_BYTES)
                protocol_error(f);
            if (f->record.length > MANAGEMENT_BYTES || in->len < size || !may_answer(f))
                return 0;
            f->skip = f->record.padding;
            struct slice content = slice_head(slice_from(*in, RECORD_HEAD), f->record.length);
            *in = slice_from(*in, size);
            on_whole_record(f, content);
            return WHOLE_COST;
        }
        *in = slice_from(*in, RECORD_HEAD);
        f->content = f->record.length;
        f->reading = true;
    }
    struct fastcgi_request *r = fastcgi_requests_find(&f->requests, f->record.id);
    if (f->content && in->len == 0)
        return 0;
    if (r && must_wait(f, r))
        return 0;
    struct slice content = slice_head(*in, f->content);
    *in = slice_from(*in, content.len);
    f->content -= content.len;
    if (f->content == 0) {
        f->reading = false;
        f->skip = f->record.padding;
    }
    if (r)
        on_content(f, r, content, f->record.length == 0);
    return 1;
}

/* What one peer sent ahead waits for its turn behind other peers'. */
static void
work(struct fastcgi *f, struct slice *in)
{
    unsigned cost = 0, last;
    while (cost < STEP_COST && (last = work_step(f, in)) > 0)
        cost += last;
    if (cost >= STEP_COST)
        link_ask_resume(&f->link);
    settle_timer(f);
}

/* Goes on with what was kept. */
static void
work_kept(struct fastcgi *f)
{
    struct slice in = buf_slice(&f->link.in);
    if (in.len) {
        work(f, &in);
        buf_drop(&f->link.in, f->link.in.len - in.len);
        link_unkept(&f->link);
    }
}

/* --- what link calls ------------------------------------------------------------------------ */

static void
begin(struct link *l)
{
    fastcgi_requests_init(&of_link(l)->requests, l);
}

static void
on_input(struct link *l, struct slice bytes)
{
    struct fastcgi *f = of_link(l);
    if (l->in.len) {
        link_keep(l, bytes);
        work_kept(f);
        return;
    }
    work(f, &bytes);
    if (bytes.len && !l->connection.closed && !l->lingering)
        link_keep(l, bytes);
}

static void
resume_multicast(struct fastcgi *f)
{
    struct multicast *m = f->requests.multicast;
    if (m->full)
        multicast_flush(m);
    if (m->full && link_is_flushed(&f->link))
        fastcgi_requests_writable(&f->requests);
    if (m->resumes)
        places_resume_late(&f->requests);
}

static void
resume(struct link *l)
{
    struct fastcgi *f = of_link(l);
    fastcgi_requests_resume(&f->requests);
    if (f->requests.multicast)
        resume_multicast(f);
    if (l->connection.closed || l->lingering)
        return;
    if (is_parting(f) && places_part(&f->requests)) {
        link_linger(l);
        return;
    }
    work_kept(f);
    settle_timer(f);
}

static void
on_flushed(struct link *l)
{
    struct fastcgi *f = of_link(l);
    fastcgi_requests_writable(&f->requests);
    settle_timer(f);
    link_ask_resume(l);
}

static void
on_timeout(struct link *l)
{
    struct fastcgi *f = of_link(l);
    if (f->requests.count == 0) {
        link_met(l, METRIC_idle_timeout);
        link_close(l);
        return;
    }
    fastcgi_requests_refuse_late(&f->requests);
    settle_timer(f);
}

static void
on_drain(struct link *l)
{
    struct fastcgi *f = of_link(l);
    fastcgi_requests_drain(&f->requests);
    if (f->requests.count == 0)
        link_close(l);
}

static void
on_release(struct link *l)
{
    fastcgi_requests_release(&of_link(l)->requests);
}

static size_t
held(const struct link *l)
{
    return fastcgi_requests_held(&of_link(l)->requests);
}

const struct link_kind fastcgi_kind = {
    .name = "fastcgi",
    .size = sizeof(struct fastcgi),
    .begin = begin,
    .input = on_input,
    .ended = link_close,
    .flushed = on_flushed,
    .timeout = on_timeout,
    .resume = resume,
    .drain = on_drain,
    .release = on_release,
    .held = held,
    .framing = &framing_stdout,
};
