/* fastcgi - one connection, and the requests on it: one, or several where multiplexing is on.
 *
 *     PARAMS -> (BODY ->) WAITING -> REPLYING -> END_REQUEST
 *                         WAITING -> STREAMING -> ENDING -> END_REQUEST
 *
 * Records are worked off as their bytes come; only a record that must be whole (BEGIN_REQUEST and
 * the management records) waits for its end, and until all that was answered before is written: a
 * peer that does not read is not answered. What cannot be worked off yet stays in link.in. A
 * record for a request that does not run is passed over, as the specification has it: so the rest
 * of a body that was refused drains away on a kept connection; on one that closes, it lingers.
 *
 * What one gets wrong: nothing of the handler may be called from inside an exchange_ function.
 * So these only change the state and ask for resume(), which runs at the end of the turn. */

#include "gateway/fastcgi/fastcgi.h"

#include "base/alloc.h"
#include "base/log.h"
#include "gateway/body.h"
#include "gateway/fastcgi/params.h"
#include "gateway/fastcgi/record.h"
#include "gateway/headers.h"
#include "request/answered.h"
#include "request/status.h"
#include "transport/update.h"

#include <fastcgi.h>
#include <stdio.h>
#include <stdlib.h>

#define FASTCGI_STATES(X)                                                                          \
    X(FREE)      /* no request */                                                                  \
    X(PARAMS)    /* its params come */                                                             \
    X(BODY)      /* the handler wants the body */                                                  \
    X(WAITING)   /* the handler has the request */                                                 \
    X(REPLYING)  /* reply and END_REQUEST are written or in `out` */                               \
    X(STREAMING) /* an event stream */                                                             \
    X(ENDING)    /* END_REQUEST is written or in `out` */

enum state {
#define X(name) STATE_##name,
    FASTCGI_STATES(X)
#undef X
};

enum {
    MANAGEMENT_BYTES = 4096, /* content of a GET_VALUES: three names of our own are 50 */
    STEP_COST = 128,         /* what is worked off before others have their turn: some 10 us */
    WHOLE_COST = 16,         /* of a record that begins something or is answered */
};

struct fastcgi;

/* What only a request needs that is being read. */
struct input {
    struct buf params;
    struct body body;
};

struct asked {
    struct exchange exchange;
    struct fastcgi *connection;
    struct list node;     /* in connection->requests */
    struct input *input;  /* owns; NULL once it streams */
    uint64_t deadline_ms; /* monotonic; 0: none */
    uint16_t id;
    enum state state;
    bool active;     /* between on_head and on_gone */
    bool asked_body; /* the handler called exchange_read_body() */
    bool stdin_done;
};

struct fastcgi {
    struct link link;
    struct list requests; /* of struct asked */
    size_t request_count;
    uint64_t deadline_ms; /* while no request runs */
    struct record record; /* whose content is being read */
    size_t content, skip; /* bytes of content and of padding that follow */
    bool reading;         /* a record has begun */
    bool keep;            /* FCGI_KEEP_CONN of the last request that ran */
    bool unread;          /* a request ended before its STDIN did */
    struct asked first;   /* most connections have one request at a time */
};

static struct fastcgi *
of_link(const struct link *l)
{
    return CONTAINER_OF(l, struct fastcgi, link);
}

static struct asked *
of_exchange(const struct exchange *ex)
{
    return CONTAINER_OF(ex, struct asked, exchange);
}

/* The one place where the state changes. */
static void
set_state(struct asked *r, enum state to)
{
    static const unsigned from[] = {
        [STATE_FREE] = 1u << STATE_REPLYING | 1u << STATE_ENDING,
        [STATE_PARAMS] = 1u << STATE_FREE,
        [STATE_BODY] = 1u << STATE_PARAMS | 1u << STATE_WAITING,
        [STATE_WAITING] = 1u << STATE_PARAMS | 1u << STATE_BODY | 1u << STATE_WAITING,
        [STATE_REPLYING] = 1u << STATE_PARAMS | 1u << STATE_BODY | 1u << STATE_WAITING,
        [STATE_STREAMING] = 1u << STATE_PARAMS | 1u << STATE_WAITING,
        [STATE_ENDING] =
            1u << STATE_PARAMS | 1u << STATE_BODY | 1u << STATE_WAITING | 1u << STATE_STREAMING,
    };
    ENSURE(from[to] & 1u << r->state);
    r->state = to;
}

static struct link *
link_of(const struct exchange *ex)
{
    return &of_exchange(ex)->connection->link;
}

static uint64_t
now_ms(const struct fastcgi *f)
{
    return worker_now_ms(f->link.connection.worker);
}

static struct asked *
find(struct fastcgi *f, uint16_t id)
{
    LIST_EACH(node, after, &f->requests)
    {
        struct asked *r = CONTAINER_OF(node, struct asked, node);
        if (r->id == id)
            return r;
    }
    return NULL;
}

/* The connection's one clock runs to the earliest deadline; while output waits, link has it. */
static void
settle_timer(struct fastcgi *f)
{
    uint64_t due = f->request_count ? UINT64_MAX : f->deadline_ms, now = now_ms(f);
    if (f->link.connection.closed || f->link.lingering || !link_is_flushed(&f->link))
        return;
    LIST_EACH(node, after, &f->requests)
    {
        struct asked *r = CONTAINER_OF(node, struct asked, node);
        if (r->deadline_ms && r->deadline_ms < due)
            due = r->deadline_ms;
    }
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

/* `text`, then what ends the request. */
static void
push_end(struct asked *r, struct slice text)
{
    struct buf b;
    buf_init(&b, SIZE_MAX);
    size_t opened = record_open(&b);
    buf_add(&b, text);
    record_close(&b, opened, FCGI_STDOUT, r->id);
    record_add_empty(&b, FCGI_STDOUT, r->id);
    record_add_end(&b, r->id, FCGI_REQUEST_COMPLETE);
    push(r->connection, &b);
}

static void
drop_input(struct asked *r)
{
    arena_fini(&r->exchange.arena);
    r->exchange.request = NULL;
    if (r->input == NULL)
        return;
    buf_fini(&r->input->params);
    body_fini(&r->input->body, r->connection->link.settings);
    free(r->input);
    r->input = NULL;
}

/* --- the calls of the handler ---------------------------------------------------------------- */

static void
add_head(struct buf *b, const struct reply *r)
{
    struct slice reason = status_reason(r->status);
    buf_addf(b, "Status: %u " SLICE_FMT "\r\n", r->status, SLICE_ARG(reason));
    headers_add_all(b, r);
}

/* Where a front keeps the Authorization header to itself, its operator must hear what to do. */
static void
hint_at_authorization(struct asked *r, const struct reply *reply)
{
    static struct log_limit limit;
    struct slice value;
    uint64_t more;
    if (reply->status != 401 || r->exchange.request == NULL ||
        request_header(r->exchange.request, SLICE("Authorization"), &value) ||
        request_header(r->exchange.request, SLICE("Cookie"), &value) || !log_allowed(&limit, &more))
        return;
    if (params_show_stripped_token(&r->input->params))
        log_line(LOG_WARN, "authorization_missing",
                 "conn=%llu suppressed=%llu msg=\"the front strips Authorization: in HAProxy's "
                 "fcgi-app add: pass-header Authorization\"",
                 (unsigned long long)r->exchange.id, (unsigned long long)more);
    else
        log_line(
            LOG_WARN, "authorization_missing",
            "conn=%llu suppressed=%llu msg=\"no Authorization came over FastCGI; if the client "
            "sent one: in Apache add CGIPassAuth On, in HAProxy's fcgi-app pass-header "
            "Authorization\"",
            (unsigned long long)r->exchange.id, (unsigned long long)more);
}

static void
on_wire_reply(struct exchange *ex, const struct reply *reply)
{
    struct asked *r = of_exchange(ex);
    struct buf b;
    if (r->state == STATE_ENDING)
        return; /* aborted meanwhile */
    if (link_is_stopping(link_of(ex)))
        r->connection->keep = false;
    hint_at_authorization(r, reply);
    buf_init(&b, SIZE_MAX);
    size_t opened = record_open(&b);
    add_head(&b, reply);
    bool is_head = ex->request && slice_eq(ex->request->method, SLICE("HEAD"));
    if (reply_has_length(reply, is_head))
        headers_add_number(&b, SLICE("Content-Length"), reply->body.len);
    buf_add(&b, SLICE("\r\n"));
    if (!is_head)
        buf_add(&b, reply->body);
    record_close(&b, opened, FCGI_STDOUT, r->id);
    record_add_empty(&b, FCGI_STDOUT, r->id);
    record_add_end(&b, r->id, FCGI_REQUEST_COMPLETE);
    set_state(r, STATE_REPLYING);
    r->deadline_ms = 0;
    push(r->connection, &b);
    link_ask_resume(link_of(ex));
}

static void
on_wire_read_body(struct exchange *ex, size_t max)
{
    struct asked *r = of_exchange(ex);
    if (r->state == STATE_ENDING)
        return;
    set_state(r, STATE_BODY);
    body_init(&r->input->body, max, ex->request->share);
    r->asked_body = true;
    r->deadline_ms = now_ms(r->connection) + link_of(ex)->settings->body_timeout_ms;
    link_ask_resume(link_of(ex));
}

static void
on_wire_wait(struct exchange *ex)
{
    struct asked *r = of_exchange(ex);
    if (r->state == STATE_ENDING)
        return;
    set_state(r, STATE_WAITING);
    r->deadline_ms = 0;
}

static void
on_wire_stream(struct exchange *ex, const struct reply *reply, struct slice first)
{
    struct asked *r = of_exchange(ex);
    struct buf b;
    if (r->state == STATE_ENDING)
        return;
    buf_init(&b, SIZE_MAX);
    size_t opened = record_open(&b);
    add_head(&b, reply);
    buf_add(&b, SLICE("\r\n"));
    buf_add(&b, first);
    record_close(&b, opened, FCGI_STDOUT, r->id);
    set_state(r, STATE_STREAMING);
    r->deadline_ms = 0;
    link_tune_for_streaming(link_of(ex));
    push(r->connection, &b);
    drop_input(r);
    link_ask_resume(link_of(ex));
}

static unsigned
frame(const struct link *l, const struct update *u, uint16_t mark, size_t offset,
      struct iovec *parts, unsigned room, char (*scratch)[LINK_SCRATCH])
{
    const size_t whole = RECORD_HEAD + RECORD_CONTENT;
    unsigned filled = 0;
    (void)l;
    _Static_assert((int)RECORD_HEAD <= (int)LINK_SCRATCH, "a head is made in a part's scratch");
    for (size_t i = offset / whole; i * RECORD_CONTENT < u->event.len && filled + 2 <= room; i++) {
        struct slice content = slice_head(slice_from(u->event, i * RECORD_CONTENT), RECORD_CONTENT);
        size_t done = offset > i * whole ? offset - i * whole : 0;
        if (done < RECORD_HEAD) {
            record_head(scratch[filled], FCGI_STDOUT, mark, content.len);
            parts[filled] = (struct iovec){scratch[filled] + done, RECORD_HEAD - done};
            filled++;
            done = RECORD_HEAD;
        }
        content = slice_from(content, done - RECORD_HEAD);
        parts[filled++] = (struct iovec){(char *)content.ptr, content.len};
    }
    return filled;
}

static size_t
framed_size(const struct link *l, const struct update *u)
{
    (void)l;
    return u->event.len + (u->event.len + RECORD_CONTENT - 1) / RECORD_CONTENT * RECORD_HEAD;
}

static size_t
on_wire_send(struct exchange *ex, struct update *const *updates, size_t count)
{
    struct asked *r = of_exchange(ex);
    if (r->state != STATE_STREAMING)
        return 0;
    size_t begun = link_send(link_of(ex), updates, count, r->id);
    if (begun) { /* when the socket is full and then is not, others come first */
        list_unlink(&r->node);
        list_append(&r->connection->requests, &r->node);
    }
    return begun;
}

static bool
on_wire_is_flushed(const struct exchange *ex)
{
    return link_is_flushed(link_of(ex));
}

static bool
on_wire_send_text(struct exchange *ex, struct slice text)
{
    struct asked *r = of_exchange(ex);
    struct buf b;
    if (r->state != STATE_STREAMING || link_of(ex)->dead || !link_is_flushed(link_of(ex)))
        return false;
    buf_init(&b, SIZE_MAX);
    size_t opened = record_open(&b);
    buf_add(&b, text);
    record_close(&b, opened, FCGI_STDOUT, r->id);
    push(r->connection, &b);
    return true;
}

static void
on_wire_end(struct exchange *ex, struct slice last)
{
    struct asked *r = of_exchange(ex);
    if (r->state != STATE_STREAMING)
        return;
    if (link_is_stopping(link_of(ex)))
        r->connection->keep = false;
    set_state(r, STATE_ENDING);
    push_end(r, last);
    link_ask_resume(link_of(ex));
}

/* Ended by the peer. */
static void
abort_request(struct asked *r)
{
    if (r->state == STATE_REPLYING || r->state == STATE_ENDING)
        return;
    set_state(r, STATE_ENDING);
    r->deadline_ms = 0;
    push_end(r, SLICE(""));
    link_ask_resume(&r->connection->link);
}

static const struct exchange_wire wire = {
    .name = "fastcgi",
    .reply = on_wire_reply,
    .read_body = on_wire_read_body,
    .wait = on_wire_wait,
    .stream = on_wire_stream,
    .send = on_wire_send,
    .is_flushed = on_wire_is_flushed,
    .send_text = on_wire_send_text,
    .end = on_wire_end,
};

/* --- a request's beginning and end ------------------------------------------------------------ */

static void
release(struct asked *r)
{
    struct fastcgi *f = r->connection;
    if (r->active) {
        r->active = false;
        exchange_gone(&r->exchange);
    }
    drop_input(r);
    list_unlink(&r->node);
    f->request_count--;
    if (r == &f->first)
        r->state = STATE_FREE;
    else
        free(r);
}

/* Its END_REQUEST is written. */
static void
finish(struct asked *r)
{
    struct fastcgi *f = r->connection;
    f->unread |= !r->stdin_done;
    release(r);
    if (f->request_count)
        return;
    if (f->keep) {
        f->unread = false; /* passed over as it comes */
        f->deadline_ms = now_ms(f) + f->link.settings->keepalive_timeout_ms;
    } else if (f->unread) {
        link_linger(&f->link);
    } else {
        link_close(&f->link);
    }
}

/* Before there is a handler: the wire's own refusal. */
static void
refuse(struct asked *r, unsigned status)
{
    struct slice reason = status_reason(status);
    char text[64];
    struct reply reply = {.status = status};
    answered_log(&r->exchange, status, "wire", reason);
    reply.headers[reply.header_count++] =
        (struct header){SLICE("Content-Type"), SLICE("text/plain; charset=utf-8")};
    reply.headers[reply.header_count++] =
        (struct header){SLICE("Cache-Control"), SLICE("no-store")};
    reply.body =
        SLICE_OF(text, (size_t)snprintf(text, sizeof text, SLICE_FMT "\n", SLICE_ARG(reason)));
    on_wire_reply(&r->exchange, &reply);
}

/* A peer that breaks the protocol: nothing it says later can be trusted. */
static void
protocol_error(struct fastcgi *f)
{
    link_count(&f->link, LINK_BAD_REQUEST);
    link_close(&f->link);
}

static void
begin_handler(struct asked *r)
{
    struct exchange *ex = &r->exchange;
    ex->request = arena_alloc(&ex->arena, sizeof *ex->request);
    ENSURE(ex->request != NULL); /* the first thing in it */
    unsigned refused = params_read(&r->input->params, &ex->arena, ex->request);
    if (refused) {
        link_count(&r->connection->link, LINK_BAD_REQUEST);
        refuse(r, refused);
        return;
    }
    r->active = true;
    ex->state = NULL;
    ex->handler = r->connection->link.settings->route(ex);
    ex->handler->on_head(ex);
}

static void
on_params(struct asked *r, struct slice content, bool end)
{
    if (r->state != STATE_PARAMS)
        return; /* refused already */
    buf_add(&r->input->params, content);
    if (r->input->params.failed) {
        link_count(&r->connection->link, LINK_HEAD_TOO_LARGE);
        refuse(r, 431);
    } else if (end) {
        r->deadline_ms = 0;
        begin_handler(r);
    }
}

/* STDIN may hold more than was announced (Caddy says -1, some say 0), but less is a body whose
 * rest did not get here, as when a client leaves while it sends. */
static void
refuse_cut_body(struct asked *r)
{
    struct reply reply = {.status = 400, .body = SLICE("The body is shorter than announced.\n")};
    link_count(&r->connection->link, LINK_BAD_REQUEST);
    on_wire_reply(&r->exchange, &reply);
}

static void
refuse_body(struct asked *r, unsigned status)
{
    struct exchange *ex = &r->exchange;
    body_fini(&r->input->body, r->connection->link.settings);
    set_state(r, STATE_WAITING);
    r->deadline_ms = 0;
    exchange_body_refused(ex, status);
}

static void
judge_body(struct asked *r)
{
    struct exchange *ex = &r->exchange;
    unsigned refused = body_judge(&r->input->body, r->connection->link.settings);
    if (refused) {
        refuse_body(r, refused);
    } else if (r->stdin_done && r->input->body.bytes.len < ex->request->told_length) {
        refuse_cut_body(r);
    } else if (r->stdin_done) {
        set_state(r, STATE_WAITING);
        r->deadline_ms = 0;
        ex->request->body = buf_slice(&r->input->body.bytes);
        exchange_body(ex);
    }
}

static void
on_stdin(struct asked *r, struct slice content, bool end)
{
    r->stdin_done |= end;
    if (r->state != STATE_BODY)
        return; /* nobody wants it */
    buf_add(&r->input->body.bytes, content);
    judge_body(r);
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
    const struct link_settings *settings = f->link.settings;
    uint16_t id = f->record.id;
    if (body.len < 8 || id == FCGI_NULL_REQUEST_ID || find(f, id)) {
        protocol_error(f);
        return;
    }
    bool keep = p[2] & FCGI_KEEP_CONN;
    unsigned role = (unsigned)p[0] << 8 | p[1];
    uint8_t refused = FCGI_REQUEST_COMPLETE;
    if (role != FCGI_RESPONDER)
        refused = FCGI_UNKNOWN_ROLE;
    else if (f->request_count && settings->max_requests == 1)
        refused = FCGI_CANT_MPX_CONN;
    else if (f->request_count >= settings->max_requests)
        refused = FCGI_OVERLOADED;
    if (refused) {
        if (refused == FCGI_OVERLOADED)
            link_count(&f->link, LINK_MAX_REQUESTS);
        end_at_once(f, id, refused);
        if (f->request_count == 0 && !keep)
            link_linger(&f->link);
        return;
    }
    struct asked *r = f->first.state == STATE_FREE ? &f->first : xalloc(sizeof *r);
    *r = (struct asked){.connection = f, .id = id, .input = xalloc(sizeof *r->input)};
    list_append(&f->requests, &r->node);
    f->request_count++;
    f->keep = keep;
    buf_init(&r->input->params, settings->max_head);
    body_init(&r->input->body, 0, (struct body_share){0});
    arena_init(&r->exchange.arena, EXCHANGE_ARENA_BYTES);
    r->exchange.wire = &wire;
    r->exchange.worker = f->link.connection.worker;
    r->exchange.id = f->link.connection.id;
    set_state(r, STATE_PARAMS);
    r->deadline_ms = now_ms(f) + settings->head_timeout_ms;
}

/* --- records ------------------------------------------------------------------------------------
 */

static void
get_values(struct fastcgi *f, struct slice asked)
{
    const struct link_settings *s = f->link.settings;
    const struct {
        struct slice name;
        size_t value;
    } values[] = {
        {SLICE(FCGI_MAX_CONNS), s->max_connections},
        {SLICE(FCGI_MAX_REQS), s->max_requests == 1 ? s->max_connections : s->max_requests},
        {SLICE(FCGI_MPXS_CONNS), s->max_requests > 1},
    };
    struct slice name, value;
    struct buf pairs, b;
    buf_init(&pairs, 1024);
    for (size_t i = 0; i < COUNT_OF(values); i++) {
        struct slice rest = asked;
        bool wanted = false;
        char text[24];
        while (!wanted && record_pair(&rest, &name, &value) == PARSE_OK)
            wanted = slice_eq(name, values[i].name);
        int n = snprintf(text, sizeof text, "%zu", values[i].value);
        if (wanted)
            record_add_pair(&pairs, values[i].name, SLICE_OF(text, (size_t)n));
    }
    buf_init(&b, SIZE_MAX);
    size_t opened = record_open(&b);
    buf_add(&b, buf_slice(&pairs));
    record_close(&b, opened, FCGI_GET_VALUES_RESULT, FCGI_NULL_REQUEST_ID);
    if (pairs.len == 0)
        record_add_empty(&b, FCGI_GET_VALUES_RESULT, FCGI_NULL_REQUEST_ID);
    buf_fini(&pairs);
    push(f, &b);
}

/* Records that are worked off whole. */
static void
on_whole_record(struct fastcgi *f, struct slice content)
{
    struct buf b;
    if (f->record.id == FCGI_NULL_REQUEST_ID && f->record.type == FCGI_GET_VALUES) {
        get_values(f, content);
    } else if (f->record.type == FCGI_BEGIN_REQUEST) {
        begin_request(f, content);
    } else if (f->record.id == FCGI_NULL_REQUEST_ID) {
        buf_init(&b, SIZE_MAX);
        record_add_unknown(&b, f->record.type);
        push(f, &b);
    }
}

static bool
is_whole(const struct record *r)
{
    return r->id == FCGI_NULL_REQUEST_ID || r->type == FCGI_BEGIN_REQUEST;
}

/* A part of a request's record, or all of it; `end`: the empty record that ends a stream. */
static void
on_content(struct fastcgi *f, struct asked *r, struct slice content, bool end)
{
    switch (f->record.type) {
    case FCGI_PARAMS:
        on_params(r, content, end);
        return;
    case FCGI_STDIN:
        if (r->state == STATE_PARAMS)
            protocol_error(f);
        else
            on_stdin(r, content, end);
        return;
    case FCGI_ABORT_REQUEST:
        abort_request(r);
        return;
    default:
        protocol_error(f); /* nothing that a web server sends to a responder */
    }
}

/* Content that the handler may still ask for: it must stay where it is. */
static bool
must_wait(const struct fastcgi *f, const struct asked *r)
{
    return f->record.type == FCGI_STDIN && f->content && r->state == STATE_WAITING &&
           !r->asked_body;
}

/* Works off a piece of *in. Returns what it cost; 0: nothing more can be done with it now. */
static unsigned
work_step(struct fastcgi *f, struct slice *in)
{
    if (f->link.connection.closed || f->link.lingering || f->link.dead)
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
            if (f->record.length > MANAGEMENT_BYTES || in->len < size || !link_is_flushed(&f->link))
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
    struct asked *r = find(f, f->record.id);
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
    struct fastcgi *f = of_link(l);
    list_init(&f->requests);
    f->deadline_ms = now_ms(f) + l->settings->head_timeout_ms;
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
resume(struct link *l)
{
    struct fastcgi *f = of_link(l);
    LIST_EACH(node, after, &f->requests)
    {
        struct asked *r = CONTAINER_OF(node, struct asked, node);
        if (r->state == STATE_BODY && r->stdin_done)
            judge_body(r);
        if ((r->state == STATE_REPLYING || r->state == STATE_ENDING) && link_is_flushed(l))
            finish(r);
    }
    if (l->connection.closed || l->lingering)
        return;
    work_kept(f);
    settle_timer(f);
}

static void
on_flushed(struct link *l)
{
    struct fastcgi *f = of_link(l);
    LIST_EACH(node, after, &f->requests)
    {
        struct asked *r = CONTAINER_OF(node, struct asked, node);
        if (r->state == STATE_STREAMING)
            exchange_writable(&r->exchange);
    }
    settle_timer(f);
    link_ask_resume(l);
}

static void
on_timeout(struct link *l)
{
    struct fastcgi *f = of_link(l);
    uint64_t now = now_ms(f);
    if (f->request_count == 0) {
        link_count(l, LINK_IDLE_TIMEOUT);
        link_close(l);
        return;
    }
    LIST_EACH(node, after, &f->requests)
    {
        struct asked *r = CONTAINER_OF(node, struct asked, node);
        if (r->deadline_ms == 0 || now < r->deadline_ms)
            continue;
        link_count(l, r->state == STATE_BODY ? LINK_BODY_TIMEOUT : LINK_HEAD_TIMEOUT);
        f->keep = false;
        refuse(r, 408);
    }
    settle_timer(f);
}

static void
on_drain(struct link *l)
{
    struct fastcgi *f = of_link(l);
    LIST_EACH(node, after, &f->requests)
    {
        struct asked *r = CONTAINER_OF(node, struct asked, node);
        if (r->state == STATE_BODY)
            judge_body(r); /* what is here may be all of it */
        if (r->state == STATE_BODY)
            refuse_body(r, 503);
    }
    if (f->request_count == 0)
        link_close(l);
}

static void
on_release(struct link *l)
{
    struct fastcgi *f = of_link(l);
    LIST_EACH(node, after, &f->requests)
    {
        release(CONTAINER_OF(node, struct asked, node));
    }
}

static size_t
held(const struct link *l)
{
    size_t bytes = 0;
    LIST_EACH(node, after, &of_link(l)->requests)
    {
        const struct asked *r = CONTAINER_OF(node, struct asked, node);
        bytes += r->exchange.arena.used + (r->input ? r->input->params.cap : 0);
    }
    return bytes;
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
    .frame = frame,
    .framed_size = framed_size,
};
