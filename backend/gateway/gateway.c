/* gateway - a connection of which nothing is known yet, and the table of wires.
 *
 * The object is made large enough for any wire and becomes one at its first byte; until then it is
 * a link of the kind `arrival`. */

#include "gateway/gateway.h"

#include "base/log.h"
#include "gateway/fastcgi/fastcgi.h"
#include "gateway/http/http.h"

enum {
    FASTCGI_VERSION = 1,
    TLS_HANDSHAKE = 0x16,
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
        link_count(l, LINK_IDLE_TIMEOUT);
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

void
gateway_accept(struct worker *w, int fd, const struct listener_peer *peer,
               const struct link_settings *settings, struct link_registry *registry)
{
    size_t size = http_kind.size > fastcgi_kind.size ? http_kind.size : fastcgi_kind.size;
    link_new(w, fd, peer, size, &arrival, settings, registry);
}
