/* Both wires as a whole: a hub that echoes behind a real connection, fed in pieces of a size that
 * the first byte says (a SOCK_SEQPACKET pair keeps them apart), and a model of what may come out:
 * whole records of requests that were begun and not ended, and no more answers than were asked
 * for, multicast only where it was asked for, to streams alone; or whole replies, nothing behind
 * one that closes, as each stream does. */

#include "base/alloc.h"
#include "base/hash.h"
#include "gateway/fastcgi/multicast_record.h"
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
static struct gateway *gateway;
static atomic_size_t pending;
static atomic_bool stopping;
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
    } else if (slice_starts(ex->request->path, SLICE("/m"))) {
        r.is_live = slice_starts(ex->request->path, SLICE("/mm"));
        exchange_stream(ex, &r, SLICE(":\n"));
        exchange_send(ex, &update, 1);
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
on_resumed(struct exchange *ex, struct position after)
{
    exchange_send_text(ex, SLICE(":\n"));
    if (position_cmp(after, update->position) < 0)
        exchange_send(ex, &update, 1);
}

static bool
is_at(const struct exchange *ex, struct position p)
{
    (void)ex;
    return position_cmp(update->position, p) <= 0;
}

static struct position
delivered(struct worker *w)
{
    (void)w;
    return (struct position){1, 5};
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
    .on_resumed = on_resumed,
    .is_at = is_at,
};

static const struct exchange_handler *
route(struct exchange *ex)
{
    (void)ex;
    return &handler;
}

static const struct hash_key places = {{1, 2}};
static struct config config = {
    .max_request_head = 2000,
    .max_pending_bytes = 1 << 20,
    .max_held_bytes = 1 << 20,
    .head_timeout_ms = 60000,
    .body_timeout_ms = 60000,
    .keepalive_timeout_ms = 60000,
    .reply_timeout_ms = 60000,
    .idle_timeout_ms = 60000,
    .linger_timeout_ms = 60000,
    .max_requests_per_connection = 3,
    .multicast_backlog = 65536,
};
static struct rules rules = {.refs = 1, .config = &config};

struct arrived {
    struct message message;
    int fd;
};

static void
on_arrived(struct worker *w, struct message *m)
{
    const struct peer peer = {.is_unix = true};
    struct listener_door *door = gateway_door(gateway, GATEWAY_HUB);
    door->accepted(door, w, CONTAINER_OF(m, struct arrived, message)->fd, &peer);
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
    update->position = (struct position){1, 5};
    const struct gateway_settings settings = {.routes = {route, route},
                                              .max_connections = 1000,
                                              .workers = 1,
                                              .pending = &pending,
                                              .stopping = &stopping,
                                              .places = &places,
                                              .delivered = delivered};
    gateway = gateway_new(&settings, &rules);
    worker = worker_new(0);
    worker_start(worker);
}

/* A record of multicast, of which the content stands at `p`. */
static void
judge_multicast(int type, int id, const unsigned char *p, int length, const int *begun)
{
    if (type == MULTICAST_PAUSED) {
        ENSURE(length == 0 && begun[id] > 0);
        return;
    }
    if (type == MULTICAST_MARK) {
        ENSURE(length == MULTICAST_PLACE && (id == 0 || begun[id] > 0));
        return;
    }
    int count = p[18] << 8 | p[19];
    ENSURE(type == MULTICAST_EVENT && id == 0 && count && length >= 20 + 2 * count && p[16] < 4);
    for (int i = 0; i < count; i++)
        ENSURE(begun[p[20 + 2 * i] << 8 | p[21 + 2 * i]] > 0);
}

static void
judge_records(struct slice in, struct slice out)
{
    static int begun[65536], open[65536];
    int managed = 0;
    bool multicast = false;
    memset(begun, 0, sizeof begun);
    memset(open, 0, sizeof open);
    const unsigned char *p = (const unsigned char *)in.ptr, *end = p + in.len;
    for (; end - p >= 8; p += 8 + (p[4] << 8 | p[5]) + p[6])
        if (p[1] == FCGI_BEGIN_REQUEST)
            begun[p[2] << 8 | p[3]]++;
        else
            managed += (p[2] << 8 | p[3]) == FCGI_NULL_REQUEST_ID || p[1] > FCGI_MAXTYPE;
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
        } else if (p[1] >= MULTICAST_EVENT) {
            ENSURE(multicast);
            judge_multicast(p[1], id, p + 8, length, begun);
        } else {
            struct slice content = SLICE_OF((const char *)p + 8, (size_t)length);
            multicast |= slice_find(content, SLICE("\x0e\1" MULTICAST_VALUE "1")) < content.len;
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
    config.fastcgi_multiplexing = bytes[0] & 1;
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
