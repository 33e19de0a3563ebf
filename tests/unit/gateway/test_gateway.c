/* Both wires, with a handler that answers whatever is asked for. */

#include "gateway/gateway.h"

#include "base/alloc.h"
#include "unit/guard.h"

#include <fastcgi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct worker *worker;
static struct gateway *gateway;
static atomic_size_t pending;
static atomic_bool stopping;
static char *body;
static size_t body_len;

static void on_writable(struct exchange *);

static bool is_long; /* the body comes in pieces */
static bool cuts;    /* and never to its end */

static void
on_head(struct exchange *ex)
{
    if (is_long) {
        struct reply r = {.status = 200, .body = SLICE_OF(body, 1000), .rest = body_len - 1000};
        exchange_reply(ex, &r);
        on_writable(ex);
        return;
    }
    struct reply r = {.status = 200, .body = body ? SLICE_OF(body, body_len) : ex->request->path};
    if (body)
        memcpy(body, ex->request->path.ptr, ex->request->path.len);
    exchange_reply(ex, &r);
}

/* As much as goes out; pieces that are larger than a record of FastCGI, and then smaller ones. */
static void
on_writable(struct exchange *ex)
{
    size_t *rest = &ex->request->rest;
    while (*rest && exchange_is_flushed(ex)) {
        size_t size = *rest < 70000 ? *rest / 2 + 1 : 70000;
        if (cuts && *rest < body_len / 2) {
            exchange_cut(ex);
            return;
        }
        exchange_add(ex, SLICE_OF(body + body_len - *rest, size));
    }
}

static const struct exchange_handler handler = {.on_head = on_head, .on_writable = on_writable};

static const struct exchange_handler *
route(struct exchange *ex)
{
    (void)ex;
    return &handler;
}

static struct config config = {
    .max_request_head = 65536,
    .max_pending_bytes = 1 << 20,
    .max_held_bytes = 1 << 20,
    .head_timeout_ms = 60000,
    .body_timeout_ms = 60000,
    .keepalive_timeout_ms = 60000,
    .reply_timeout_ms = 60000,
    .idle_timeout_ms = 60000,
    .linger_timeout_ms = 60000,
    .max_requests_per_connection = 3,
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

/* Sends a request, waits, and reads to the end of the connection. Returns the bytes. */
static size_t
ask(int type, struct slice request, char *into, size_t room, unsigned *ret_reads)
{
    int pair[2];
    size_t got = 0;
    ssize_t n;
    ck_assert_int_eq(socketpair(AF_UNIX, type, 0, pair), 0);
    struct arrived *a = xalloc(sizeof *a);
    *a = (struct arrived){{.receive = on_arrived}, pair[0]};
    worker_post(worker, &a->message);
    ck_assert_int_eq(send(pair[1], request.ptr, request.len, 0), (ssize_t)request.len);
    if (request.ptr[0] != FCGI_VERSION_1)
        shutdown(pair[1], SHUT_WR);
    for (*ret_reads = 0; (n = recv(pair[1], into + got, room - got, 0)) > 0; ++*ret_reads)
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

static void
begin(void)
{
    const struct gateway_settings settings = {.routes = {route, route},
                                              .max_connections = 1000,
                                              .workers = 1,
                                              .pending = &pending,
                                              .stopping = &stopping};
    gateway = gateway_new(&settings, &rules);
    worker = worker_new(0);
    worker_start(worker);
}

/* A peer's end may not have been read yet. */
static void
on_end(struct worker *w, struct message *m)
{
    gateway_close_all(gateway, w);
    free(m);
}

static void
end(void)
{
    struct message *m = xalloc(sizeof *m);
    *m = (struct message){.receive = on_end};
    worker_post(worker, m);
    worker_stop(worker);
    worker_join(worker);
    worker_free(&worker);
    ck_assert_uint_eq(pending, 0);
    gateway_free(&gateway);
    free(body);
    body = NULL;
    body_len = 0;
    is_long = cuts = false;
}

static const char fastcgi_get[] = "\1\1\0\1\0\10\0\0\0\1\0\0\0\0\0\0"
                                  "\1\4\0\1\0\41\0\0\16\3REQUEST_METHODGET\13\1REQUEST_URI/"
                                  "\1\4\0\1\0\0\0\0\1\5\0\1\0\0\0\0";

START_TEST(a_reply_of_any_size_arrives_whole)
{
    const struct slice requests[] = {
        SLICE("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"),
        SLICE_OF(fastcgi_get, sizeof fastcgi_get - 1),
    };
    size_t room = 24 << 20;
    unsigned reads;
    char *got = xalloc(room);
    body_len = 9 << 20;
    body = xalloc(body_len);
    for (size_t i = 0; i < body_len; i++)
        body[i] = (char)('a' + i % 26);
    begin();
    for (size_t i = 0; i < 2; i++) {
        size_t len = ask(SOCK_STREAM, requests[i], got, room, &reads);
        if (i == 1)
            len = unpack(got, len);
        ck_assert_uint_gt(len, body_len);
        ck_assert_int_eq(memcmp(got + len - body_len, body, body_len), 0);
        ck_assert(slice_find(SLICE_OF(got, 300), SLICE("Content-Length: 9437184\r\n")) < 300);
    }
    end();
    free(got);
}
END_TEST

/* Of a whole reply, that it is one, and its body; of none, NULL. */
static const char *
long_body(const char *got, size_t len)
{
    char told[60];
    snprintf(told, sizeof told, "Content-Length: %zu\r\n", body_len);
    ck_assert(slice_find(SLICE_OF(got, len < 300 ? len : 300), slice_of(told)) < 300);
    return got + slice_find(SLICE_OF(got, len), SLICE("\r\n\r\n")) + 4;
}

static void
begin_long(size_t size)
{
    is_long = true;
    body_len = size;
    body = xalloc(size);
    for (size_t i = 0; i < size; i++)
        body[i] = (char)('a' + i % 26);
    begin();
}

START_TEST(a_reply_in_pieces_arrives_whole_and_so_does_what_was_asked_behind_it)
{
    struct slice requests[] = {
        SLICE("GET / HTTP/1.1\r\nHost: a\r\n\r\nHEAD / HTTP/1.1\r\nHost: a\r\n\r\n"
              "GET / HTTP/1.0\r\n\r\n"),
        SLICE_OF(fastcgi_get, sizeof fastcgi_get - 1),
    };
    size_t room = 24 << 20;
    unsigned reads;
    char *got = xalloc(room);
    begin_long(9 << 20);
    size_t len = ask(SOCK_STREAM, requests[0], got, room, &reads);
    const char *at = long_body(got, len);
    ck_assert_int_eq(memcmp(at, body, body_len), 0);
    at = long_body(at + body_len, 300); /* of HEAD: its length alone */
    at = long_body(at, (size_t)(got + len - at));
    ck_assert_int_eq(memcmp(at, body, body_len), 0);
    ck_assert_ptr_eq(at + body_len, got + len);
    len = unpack(got, ask(SOCK_STREAM, requests[1], got, room, &reads));
    at = long_body(got, len);
    ck_assert_int_eq(memcmp(at, body, body_len), 0);
    ck_assert_ptr_eq(at + body_len, got + len);
    end();
    free(got);
}
END_TEST

START_TEST(a_reply_that_is_cut_closes_the_connection_short_of_its_length)
{
    const struct slice requests[] = {
        SLICE("GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        SLICE_OF(fastcgi_get, sizeof fastcgi_get - 1),
    };
    size_t room = 24 << 20;
    unsigned reads;
    char *got = xalloc(room);
    cuts = true;
    begin_long(9 << 20);
    for (size_t i = 0; i < 2; i++) {
        size_t len = ask(SOCK_STREAM, requests[i], got, room, &reads);
        const char *at = long_body(got, i ? unpack(got, len) : len);
        ck_assert(len > body_len / 3 && (size_t)(got + len - at) < body_len);
    }
    end();
    free(got);
}
END_TEST

/* A pair of SOCK_SEQPACKET sockets gives each send() by itself. */
START_TEST(replies_to_requests_sent_ahead_go_out_in_one_piece_and_in_order)
{
    static const char *const names[] = {"/one", "/two", "/three"};
    struct slice all = SLICE("GET /one HTTP/1.1\r\nHost: a\r\n\r\nGET /two HTTP/1.1\r\nHost: a\r\n"
                             "\r\nGET /three HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    char got[4096];
    unsigned reads;
    begin();
    size_t len = ask(SOCK_SEQPACKET, all, got, sizeof got, &reads), at = 0;
    ck_assert_uint_eq(reads, 1);
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        struct slice rest = slice_from(SLICE_OF(got, len), at);
        ck_assert(slice_starts(rest, SLICE("HTTP/1.1 200 OK\r\n")));
        at += slice_find(rest, SLICE("\r\n\r\n")) + 4;
        ck_assert(slice_starts(slice_from(SLICE_OF(got, len), at), slice_of(names[i])));
        at += strlen(names[i]);
    }
    ck_assert_uint_eq(at, len);
    end();
}
END_TEST

START_TEST(what_is_gathered_is_written_before_a_peer_that_said_half_a_request_is_left)
{
    struct slice all = SLICE("GET /one HTTP/1.1\r\nHost: a\r\n\r\nGET /tw");
    char got[4096];
    unsigned reads;
    begin();
    size_t len = ask(SOCK_STREAM, all, got, sizeof got, &reads);
    ck_assert(slice_find(SLICE_OF(got, len), SLICE("\r\n\r\n/one")) == len - 8);
    end();
}
END_TEST

/* More than goes out in one piece. */
START_TEST(many_replies_to_requests_sent_ahead_arrive_in_order)
{
    enum {
        REQUESTS = 400,
        BODY = 1000
    };
    static char asked[65536], got[1 << 20];
    size_t len = 0, came, at = 0;
    unsigned reads;
    body = xalloc(body_len = BODY);
    for (unsigned i = 0; i < REQUESTS; i++)
        len += (size_t)snprintf(asked + len, sizeof asked - len,
                                "GET /x%03u HTTP/1.1\r\nHost: a\r\n\r\n", i);
    begin();
    came = ask(SOCK_STREAM, SLICE_OF(asked, len), got, sizeof got, &reads);
    for (unsigned i = 0; i < REQUESTS; i++) {
        struct slice rest = slice_from(SLICE_OF(got, came), at);
        size_t head = slice_find(rest, SLICE("\r\n\r\n"));
        ck_assert_uint_le(at + head + 4 + BODY, came);
        ck_assert_int_eq(memcmp(rest.ptr + head + 4, asked + i * len / REQUESTS + 4, 5), 0);
        at += head + 4 + BODY;
    }
    ck_assert_uint_eq(at, came);
    end();
}
END_TEST

UNIT_MAIN("gateway", a_reply_of_any_size_arrives_whole,
          replies_to_requests_sent_ahead_go_out_in_one_piece_and_in_order,
          what_is_gathered_is_written_before_a_peer_that_said_half_a_request_is_left,
          many_replies_to_requests_sent_ahead_arrive_in_order,
          a_reply_in_pieces_arrives_whole_and_so_does_what_was_asked_behind_it,
          a_reply_that_is_cut_closes_the_connection_short_of_its_length)
