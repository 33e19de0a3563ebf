/* sentinel - one Sentinel at a time is asked where the master is, four times a second; one that
 * does not answer, or does not know, is left for the next.
 *
 * What one gets wrong: Sentinels also tell who subscribes (+switch-master), and whoever relies on
 * that misses the word of a Sentinel that died with the master, or that said it while the
 * connection was made anew. What is asked for cannot be missed, so nothing is subscribed to. And a
 * master that was named once stays named: it may be well where all Sentinels are gone. */

#include "transport/redis/sentinel.h"

#include "transport/redis/answer.h"

#include "transport/redis/login.h"

#include <stdio.h>
#include <string.h>

enum {
    ASK_MS = 250,
    AGAIN_MS = 500, /* when each was asked in vain */
    MAX_ANSWER = 65536,
};

void
sentinel_init(struct sentinel *s, const struct redis_settings *settings, struct tls *tls)
{
    *s = (struct sentinel){.settings = settings, .tls = tls};
}

void
sentinel_fini(struct sentinel *s)
{
    wire_close(&s->wire);
}

bool
sentinel_is_lost(const struct sentinel *s)
{
    return s->in_vain >= s->settings->server_count;
}

/* The next one's turn. */
static void
leave(struct sentinel *s, uint64_t now_ms, const char *why)
{
    error_set(&s->why, "Sentinel %s", why);
    wire_close(&s->wire);
    s->state = SENTINEL_AWAY;
    s->at = (s->at + 1) % s->settings->server_count;
    s->in_vain++;
    s->due_ms = now_ms + (s->in_vain % s->settings->server_count ? 0 : AGAIN_MS);
}

static void
enter(struct sentinel *s, enum sentinel_state state, uint64_t due_ms)
{
    s->state = state;
    s->due_ms = due_ms;
}

static void
reach(struct sentinel *s, uint64_t now_ms)
{
    const struct redis_server *server = &s->settings->servers[s->at];
    const struct wire_settings w = {.path = server->path,
                                    .host = server->host,
                                    .port = server->port,
                                    .tls = s->tls,
                                    .bounds = {MAX_ANSWER, MAX_ANSWER, 64},
                                    .turn = s->in_vain / s->settings->server_count,
                                    .max_out = MAX_ANSWER};
    s->wire = wire_open(&w);
    enter(s, SENTINEL_CONNECTING, now_ms + s->settings->connect_timeout_ms);
}

static void
ask(struct sentinel *s, uint64_t now_ms)
{
    struct buf *out = wire_out(s->wire);
    resp_begin(out, 3);
    resp_add(out, SLICE("SENTINEL"));
    resp_add(out, SLICE("GET-MASTER-ADDR-BY-NAME"));
    resp_add(out, slice_of(s->settings->sentinel));
    enter(s, SENTINEL_ASKED, now_ms + s->settings->timeout_ms);
    wire_work(s->wire);
}

static void
greet(struct sentinel *s, uint64_t now_ms)
{
    struct error err;
    if (login_add_auth(wire_out(s->wire), &s->settings->sentinel_login, &err)) {
        enter(s, SENTINEL_GREETING, now_ms + s->settings->timeout_ms);
        wire_work(s->wire);
    } else if (err.text[0]) {
        leave(s, now_ms, err.text);
    } else {
        ask(s, now_ms);
    }
}

static bool
is_address(const struct resp *r, const struct sentinel *s)
{
    return r->kind == RESP_ARRAY && r->count == 2 && r->items[0].kind == RESP_TEXT &&
           r->items[1].kind == RESP_TEXT && r->items[0].text.len &&
           r->items[0].text.len < sizeof s->host && r->items[1].text.len &&
           r->items[1].text.len < sizeof s->port;
}

static void
take(struct sentinel *s, const struct resp *r, uint64_t now_ms)
{
    char why[400];
    if (is_address(r, s)) {
        snprintf(s->host, sizeof s->host, SLICE_FMT, SLICE_ARG(r->items[0].text));
        snprintf(s->port, sizeof s->port, SLICE_FMT, SLICE_ARG(r->items[1].text));
        s->has_master = true;
        s->in_vain = 0;
        enter(s, SENTINEL_IDLE, now_ms + ASK_MS);
        return;
    }
    if (r->kind == RESP_ERROR) {
        struct slice said = answer_text(r->text);
        snprintf(why, sizeof why, "%.200s: " SLICE_FMT, wire_peer(s->wire),
                 SLICE_ARG(slice_head_utf8(said, 180)));
    } else {
        snprintf(why, sizeof why, "%.200s: it knows no master %.100s", wire_peer(s->wire),
                 s->settings->sentinel);
    }
    leave(s, now_ms, why);
}

static void
on_answer(struct sentinel *s, const struct resp *r, uint64_t now_ms)
{
    if (s->state == SENTINEL_GREETING && r->kind == RESP_STATUS)
        ask(s, now_ms);
    else if (s->state == SENTINEL_GREETING || s->state == SENTINEL_ASKED)
        take(s, r, now_ms);
    else
        leave(s, now_ms, "answers what nobody asked");
}

static void
expire(struct sentinel *s, uint64_t now_ms)
{
    char why[400];
    if (s->state == SENTINEL_AWAY) {
        reach(s, now_ms);
    } else if (s->state == SENTINEL_IDLE) {
        ask(s, now_ms);
    } else {
        snprintf(why, sizeof why, "%.300s says nothing", wire_peer(s->wire));
        leave(s, now_ms, why);
    }
}

void
sentinel_work(struct sentinel *s, uint64_t now_ms)
{
    const struct resp *r;
    if (now_ms >= s->due_ms)
        expire(s, now_ms);
    if (s->wire && wire_work(s->wire) == WIRE_OPEN && s->state == SENTINEL_CONNECTING)
        greet(s, now_ms);
    while (s->wire && (r = wire_answer(s->wire)) != NULL)
        on_answer(s, r, now_ms);
    if (s->wire && wire_state(s->wire) == WIRE_FAILED)
        leave(s, now_ms, wire_error(s->wire));
}

struct pollfd
sentinel_poll(const struct sentinel *s)
{
    return s->wire ? wire_poll(s->wire) : (struct pollfd){.fd = -1};
}

uint64_t
sentinel_deadline(const struct sentinel *s)
{
    return s->due_ms;
}
