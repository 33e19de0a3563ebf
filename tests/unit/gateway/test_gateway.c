/* Both wires, with a handler that answers whatever is asked for. */

#include "gateway/gateway.h"

#include "base/alloc.h"
#include "unit/guard.h"

#include <fastcgi.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static struct worker *worker;
static struct link_registry registry;
static atomic_size_t pending, held;
static char *body;
static size_t body_len;

static void
on_head(struct exchange *ex)
{
    struct reply r = {.status = 200, .body = SLICE_OF(body, body_len)};
    exchange_reply(ex, &r);
}

static const struct exchange_handler handler = {.on_head = on_head};

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

static const struct link_settings settings = {
    .route = route,
    .max_head = 65536,
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
    .max_requests = 1,
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

/* Sends a request, waits, and reads to the end of the connection. Returns the bytes. */
static size_t
ask(struct slice request, char *into, size_t room)
{
    int pair[2];
    size_t got = 0;
    ssize_t n;
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    struct arrived *a = xalloc(sizeof *a);
    *a = (struct arrived){{.receive = on_arrived}, pair[0]};
    worker_post(worker, &a->message);
    ck_assert_int_eq(send(pair[1], request.ptr, request.len, 0), (ssize_t)request.len);
    while ((n = recv(pair[1], into + got, room - got, 0)) > 0)
        got += (size_t)n;
    close(pair[1]);
    return got;
}

/* What FastCGI's STDOUT carried, moved to the beginning. */
static size_t
unpack(char *bytes, size_t len)
{
    size_t out = 0;
    for (size_t at = 0; at + 8 <= len;) {
        const unsigned char *p = (const unsigned char *)bytes + at;
        size_t size = (size_t)p[4] << 8 | p[5], padding = p[6];
        bool is_stdout = p[1] == FCGI_STDOUT;
        ck_assert_uint_le(at + 8 + size + padding, len);
        if (is_stdout) {
            memmove(bytes + out, bytes + at + 8, size);
            out += size;
        }
        at += 8 + size + padding;
    }
    return out;
}

START_TEST(a_reply_of_any_size_arrives_whole)
{
    static const char fastcgi[] = "\1\1\0\1\0\10\0\0\0\1\0\0\0\0\0\0"
                                  "\1\4\0\1\0\41\0\0\16\3REQUEST_METHODGET\13\1REQUEST_URI/"
                                  "\1\4\0\1\0\0\0\0\1\5\0\1\0\0\0\0";
    const struct slice requests[] = {
        SLICE("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"),
        SLICE_OF(fastcgi, sizeof fastcgi - 1),
    };
    size_t room = 24 << 20;
    char *got = xalloc(room);
    body_len = 9 << 20;
    body = xalloc(body_len);
    for (size_t i = 0; i < body_len; i++)
        body[i] = (char)('a' + i % 26);
    link_registry_init(&registry);
    worker = worker_new(0);
    worker_start(worker);
    for (size_t i = 0; i < 2; i++) {
        size_t len = ask(requests[i], got, room);
        if (i == 1)
            len = unpack(got, len);
        ck_assert_uint_gt(len, body_len);
        ck_assert_int_eq(memcmp(got + len - body_len, body, body_len), 0);
        ck_assert(slice_find(SLICE_OF(got, 300), SLICE("Content-Length: 9437184\r\n")) < 300);
    }
    worker_stop(worker);
    worker_join(worker);
    worker_free(&worker);
    ck_assert_uint_eq(held, 0);
    free(body);
    free(got);
}
END_TEST

UNIT_MAIN("gateway", a_reply_of_any_size_arrives_whole)
