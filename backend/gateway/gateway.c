/* gateway - a connection of which nothing is known yet, the table of wires, and the connections of
 * all workers.
 *
 * The object is made large enough for any wire and becomes one at its first byte; until then it is
 * a link of the kind `arrival`. */

#include "gateway/gateway.h"

#include "base/alloc.h"
#include "base/log.h"
#include "gateway/fastcgi/fastcgi.h"
#include "gateway/http/http.h"

#include <stdlib.h>

enum {
    FASTCGI_VERSION = 1,
    TLS_HANDSHAKE = 0x16,
    MAX_METRICS_CONNECTIONS = 16,
    DRAIN_MS = 200, /* an arrival is waited for, when the hub stops */
};

static void
on_input(struct link *l, struct slice bytes)
{
    unsigned char first = (unsigned char)bytes.ptr[0];
    if (first == TLS_HANDSHAKE) {
        static struct log_limit limit;
        uint64_t more;
        if (log_allowed(&limit, &more))
            log_line(LOG_WARN, "tls_refused",
                     "conn=%llu suppressed=%llu msg=\"a peer speaks TLS here: TLS is the front's, "
                     "let it connect in plain text\"",
                     (unsigned long long)l->connection.id, (unsigned long long)more);
        link_close(l);
        return;
    }
    l->kind = first == FASTCGI_VERSION ? &fastcgi_kind : &http_kind;
    l->kind->begin(l);
    l->kind->input(l, bytes);
}

static void
on_timeout(struct link *l)
{
    if (!link_is_stopping(l))
        link_met(l, METRIC_idle_timeout);
    link_close(l);
}

/* The hub stops. Who has just connected is about to ask: closing now would be an error that its
 * front passes on, while a request still gets its 503 or its `retry:`. */
static void
on_drain(struct link *l)
{
    link_set_timer(l, DRAIN_MS);
}

static void
nothing(struct link *l)
{
    (void)l;
}

static size_t
held(const struct link *l)
{
    (void)l;
    return 0;
}

static const struct link_kind arrival = {
    .name = "arrival",
    .input = on_input,
    .ended = link_close,
    .flushed = nothing,
    .timeout = on_timeout,
    .resume = nothing,
    .drain = on_drain,
    .release = nothing,
    .held = held,
};

struct door {
    struct link_door link;
    struct gateway *gateway;
};

struct gateway {
    struct gateway_shared shared;
    struct door doors[GATEWAY_DOORS];
    unsigned count;
    struct gateway_worker workers[]; /* each its worker's alone, once they run */
};

static void
on_accepted(struct listener_door *listener, struct worker *w, int fd, const struct peer *peer)
{
    struct door *door = CONTAINER_OF(listener, struct door, link.listener);
    size_t size = http_kind.size > fastcgi_kind.size ? http_kind.size : fastcgi_kind.size;
    link_new(&door->gateway->workers[worker_number(w)], &door->link, w, fd, peer, size, &arrival);
}

struct gateway *
gateway_new(const struct gateway_settings *s, struct rules *rules)
{
    struct gateway *g = xalloc(sizeof *g + s->workers * sizeof g->workers[0]);
    g->count = s->workers;
    g->shared.pending = s->pending;
    g->shared.stopping = s->stopping;
    g->shared.places = s->places;
    g->shared.delivered = s->delivered;
    for (unsigned i = 0; i < g->count; i++)
        gateway_worker_init(&g->workers[i], &g->shared, rules);
    for (size_t i = 0; i < GATEWAY_DOORS; i++) {
        struct link_door *door = &g->doors[i].link;
        g->doors[i].gateway = g;
        door->route = s->routes[i];
        door->is_counted = i == GATEWAY_HUB;
        door->listener.accepted = on_accepted;
        door->listener.max_connections =
            i == GATEWAY_HUB ? s->max_connections : MAX_METRICS_CONNECTIONS;
        door->listener.kept_connections = i == GATEWAY_HUB ? s->kept_connections : SIZE_MAX;
    }
    return g;
}

void
gateway_free(struct gateway **ref)
{
    struct gateway *g = *ref;
    *ref = NULL;
    if (g == NULL)
        return;
    for (unsigned i = 0; i < g->count; i++)
        gateway_worker_fini(&g->workers[i]);
    free(g);
}

struct listener_door *
gateway_door(struct gateway *g, enum gateway_door which)
{
    return &g->doors[which].link.listener;
}

struct letter {
    struct message message;
    struct gateway_worker *to;
    struct rules *rules; /* owns a reference */
};

static void
on_letter(struct worker *w, struct message *m)
{
    struct letter *l = CONTAINER_OF(m, struct letter, message);
    (void)w;
    gateway_worker_settle(l->to, l->rules);
    rules_unref(&l->rules);
    free(l);
}

void
gateway_hand_out(struct gateway *g, struct worker *const *workers, struct rules *rules)
{
    for (unsigned i = 0; i < g->count; i++) {
        struct letter *l = xalloc(sizeof *l);
        l->message.receive = on_letter;
        l->to = &g->workers[i];
        l->rules = rules_ref(rules);
        worker_post(workers[i], &l->message);
    }
}

void
gateway_drain(struct gateway *g, struct worker *w)
{
    LIST_EACH(node, after, &g->workers[worker_number(w)].links)
    {
        struct link *l = CONTAINER_OF(node, struct link, node);
        if (!l->connection.closed && !l->lingering)
            l->kind->drain(l);
    }
}

void
gateway_close_all(struct gateway *g, struct worker *w)
{
    LIST_EACH(node, after, &g->workers[worker_number(w)].links)
    {
        link_close(CONTAINER_OF(node, struct link, node));
    }
}
