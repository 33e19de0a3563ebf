/* Both wires as a whole: a hub that echoes behind a real connection, fed in pieces of a size that
 * the first byte says (a SOCK_SEQPACKET pair keeps them apart), and a model of what may come out:
 * whole records of requests that were begun and not ended, and no more answers than were asked
 * for; or whole replies, nothing behind one that closes, as each stream does. */

#include "base/alloc.h"
#include "gateway/gateway.h"
#include "transport/update.h"

#include <errno.h>
#include <fastcgi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t len);

static struct worker *worker;
static struct link_registry registry;
static atomic_size_t pending, held;
static struct update *update;

static void
on_head(struct exchange *ex)
{
    struct reply r = {.status = 200, .body = ex->request->path};
    struct slice method = ex->request->method;
    if (slice_eq(method, SLICE("POST"))) {
        exchange_read_body(ex, 2000);
    } else if (ex->request->has_body) {
        exchange_read_body(ex, 0);
    } else if (slice_eq(method, SLICE("HEAD"))) {
        r.body = SLICE("");
        r.is_stream = slice_starts(ex->request->path, SLICE("/s"));
        exchange_reply(ex, &r);
    } else if (slice_starts(ex->request->path, SLICE("/s"))) {
        exchange_stream(ex, &r, SLICE(":\n"));
        exchange_send(ex, &update, 1);
        exchange_send_text(ex, SLICE(":\n"));
        exchange_end(ex, SLICE("retry: 1\n\n"));
    } else {
        exchange_reply(ex, &r);
    }
}

static void
on_body(struct exchange *ex)
{
    struct reply r = {.status = 200, .body = ex->request->body};
    exchange_reply(ex, &r);
}

static void
on_body_refused(struct exchange *ex, unsigned status)
{
    struct reply r = {.status = status};
    exchange_reply(ex, &r);
}

static const struct exchange_handler handler = {
    .on_head = on_head,
    .on_body = on_body,
    .on_body_refused = on_body_refused,
};

static const struct exchange_handler *
route(struct exchange *ex)
{
    (void)ex;
    return &handler;
}

static void
count(struct worker *w, enum link_event event)
{
    (void)w;
    (void)event;
}

static void
freed(struct worker *w)
{
    (void)w;
}

static bool
stopping(struct worker *w)
{
    (void)w;
    return false;
}

static struct link_settings settings = {
    .route = route,
    .max_head = 2000,
    .pending = &pending,
    .max_pending_bytes = 1 << 20,
    .held = &held,
    .max_held_bytes = 1 << 20,
    .head_timeout_ms = 60000,
    .body_timeout_ms = 60000,
    .keepalive_timeout_ms = 60000,
    .reply_timeout_ms = 60000,
    .idle_timeout_ms = 60000,
    .linger_timeout_ms = 60000,
    .max_connections = 1000,
    .count = count,
    .freed = freed,
    .stopping = stopping,
};

struct arrived {
    struct message message;
    int fd;
};

static void
on_arrived(struct worker *w, struct message *m)
{
    const struct listener_peer peer = {.is_unix = true};
    gateway_accept(w, CONTAINER_OF(m, struct arrived, message)->fd, &peer, &settings, &registry);
    free(CONTAINER_OF(m, struct arrived, message));
}

static void
begin(void)
{
    struct slice topic = SLICE("t");
    bool too_large;
    const struct update_parts parts = {
        .topics = &topic, .topic_count = 1, .id = SLICE("i"), .data = SLICE("x")};
    update = update_new(&parts, 1000, &too_large);
    link_registry_init(&registry);
    worker = worker_new(0);
    worker_start(worker);
}

static void
judge_records(struct slice in, struct slice out)
{
    static int begun[65536], open[65536];
    int managed = 0;
    memset(begun, 0, sizeof begun);
    memset(open, 0, sizeof open);
    const unsigned char *p = (const unsigned char *)in.ptr, *end = p + in.len;
    for (; end - p >= 8; p += 8 + (p[4] << 8 | p[5]) + p[6])
        if (p[1] == FCGI_BEGIN_REQUEST)
            begun[p[2] << 8 | p[3]]++;
        else
            managed += (p[2] << 8 | p[3]) == FCGI_NULL_REQUEST_ID;
    p = (const unsigned char *)out.ptr;
    end = p + out.len;
    while (p < end) {
        ENSURE(end - p >= 8 && p[0] == 1);
        int id = p[2] << 8 | p[3], length = p[4] << 8 | p[5];
        ENSURE(end - p >= 8 + length + p[6]);
        if (p[1] == FCGI_STDOUT) {
            ENSURE(id && begun[id] > 0 && open[id] < 2);
            ENSURE(open[id] || length == 0 || memcmp(p + 8, "Status: ", 8) == 0);
            open[id] = length ? 1 : 2;
        } else if (p[1] == FCGI_END_REQUEST) {
            ENSURE(id && begun[id]-- > 0 && open[id] != 1 && length == 8);
            open[id] = 0;
        } else {
            ENSURE(id == 0 && (p[1] == FCGI_GET_VALUES_RESULT || p[1] == FCGI_UNKNOWN_TYPE));
            ENSURE(managed-- > 0);
        }
        p += 8 + length + p[6];
    }
}

static void
judge_replies(struct slice out)
{
    while (out.len) {
        size_t end = slice_find(out, SLICE("\r\n\r\n"));
        struct slice head = slice_head(out, end), size;
        uint64_t length = 0;
        ENSURE(slice_starts(out, SLICE("HTTP/1.1 ")) && end < out.len);
        out = slice_from(out, end + 4);
        size_t at = slice_find(head, SLICE("\r\nContent-Length: "));
        if (slice_find(head, SLICE("\r\nTransfer-Encoding: chunked")) < head.len) {
            end = slice_find(out, SLICE("0\r\n\r\n"));
            ENSURE(end < out.len && slice_starts(out, SLICE("2\r\n:\n\r\n")));
            ENSURE(slice_find(head, SLICE("\r\nConnection: close")) < head.len);
            out = slice_from(out, end + 5);
        } else if (at < head.len) {
            size = slice_from(head, at + 18);
            ENSURE(slice_u64(slice_head(size, slice_index(size, '\r')), 4000, &length));
            ENSURE(length <= out.len);
            out = slice_from(out, length);
        } else if (!slice_starts(head, SLICE("HTTP/1.1 100"))) {
            return; /* HTTP/1.0: a stream to the end of the connection */
        }
        if (slice_find(head, SLICE("\r\nConnection: close")) < head.len)
            ENSURE(out.len == 0);
    }
}

/* A reset (the hub closed with input unread) is told before what came earlier. */
static ssize_t
take(int fd, char *into, size_t room, int flags)
{
    ssize_t n = recv(fd, into, room, flags);
    return n < 0 && errno == ECONNRESET ? recv(fd, into, room, flags) : n;
}

int
LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t len)
{
    static char out[1 << 20];
    int pair[2];
    size_t got = 0;
    ssize_t n;
    if (len < 2)
        return 0;
    if (worker == NULL)
        begin();
    settings.max_requests = bytes[0] & 1 ? 3 : 1;
    size_t piece = bytes[0] > 1 ? bytes[0] : len;
    struct slice in = SLICE_OF((const char *)bytes + 1, len - 1);
    ENSURE(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) == 0);
    struct arrived *a = xalloc(sizeof *a);
    *a = (struct arrived){{.receive = on_arrived}, pair[0]};
    worker_post(worker, &a->message);
    for (size_t at = 0; at < in.len; at += piece) {
        struct slice part = slice_head(slice_from(in, at), piece < 60000 ? piece : 60000);
        if (send(pair[1], part.ptr, part.len, MSG_NOSIGNAL) < 0)
            break;
        while ((n = take(pair[1], out + got, sizeof out - got, MSG_DONTWAIT)) > 0)
            got += (size_t)n;
    }
    shutdown(pair[1], SHUT_WR);
    while ((n = take(pair[1], out + got, sizeof out - got, 0)) > 0)
        got += (size_t)n;
    close(pair[1]);
    if (in.ptr[0] == FCGI_VERSION_1)
        judge_records(in, SLICE_OF(out, got));
    else
        judge_replies(SLICE_OF(out, got));
    return 0;
}
