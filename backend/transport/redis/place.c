/* place - where the server is that everything is asked of.
 *
 * A cluster needs no client of its own here: all keys are in one slot, so that whoever has it is
 * the one server, and MOVED names it. What was moved to is forgotten when it is tried in vain. */

#include "transport/redis/place.h"

#include <stdio.h>
#include <string.h>

bool
place_init(struct place *p, const struct redis_settings *s, struct error *err)
{
    struct tls_settings of_sentinels = s->tls;
    of_sentinels.name = NULL;
    *p = (struct place){.settings = s};
    if (s->has_tls && (p->tls = tls_new(&s->tls, err)) == NULL)
        return false;
    if (s->sentinel_has_tls && (p->sentinel_tls = tls_new(&of_sentinels, err)) == NULL) {
        tls_free(&p->tls);
        return false;
    }
    sentinel_init(&p->sentinel, s, p->sentinel_tls);
    return true;
}

void
place_fini(struct place *p)
{
    sentinel_fini(&p->sentinel);
    tls_free(&p->tls);
    tls_free(&p->sentinel_tls);
}

void
place_work(struct place *p, uint64_t now_ms)
{
    if (p->settings->sentinel)
        sentinel_work(&p->sentinel, now_ms);
}

struct pollfd
place_poll(const struct place *p)
{
    return p->settings->sentinel ? sentinel_poll(&p->sentinel) : (struct pollfd){.fd = -1};
}

uint64_t
place_deadline(const struct place *p)
{
    return p->settings->sentinel ? sentinel_deadline(&p->sentinel) : UINT64_MAX;
}

static void
give(struct place *p, const char *host, const char *port, struct wire_settings *ret)
{
    char kept[sizeof p->host];
    snprintf(kept, sizeof kept, "%s", host); /* it may be our own */
    snprintf(p->host, sizeof p->host, "%s", kept);
    snprintf(p->port, sizeof p->port, "%s", port);
    ret->path = NULL;
    ret->host = p->host;
    ret->port = p->port;
}

static bool
give_named(struct place *p, struct wire_settings *ret, struct error *err)
{
    if (p->sentinel.has_master)
        give(p, p->sentinel.host, p->sentinel.port, ret);
    else
        error_set(err, "%s", sentinel_is_lost(&p->sentinel) ? p->sentinel.why.text : "");
    return p->sentinel.has_master;
}

bool
place_next(struct place *p, struct wire_settings *ret, struct error *err)
{
    const struct redis_settings *s = p->settings;
    const struct redis_server *server = &s->servers[p->turn % s->server_count];
    ret->tls = p->tls;
    ret->turn = p->turn / s->server_count;
    if (s->sentinel)
        return give_named(p, ret, err);
    if (p->is_moved) {
        give(p, p->moved_host, p->moved_port, ret);
        return true;
    }
    if (server->path)
        ret->path = server->path;
    else
        give(p, server->host, server->port, ret);
    return true;
}

bool
place_failed(struct place *p)
{
    if (p->is_moved) {
        p->is_moved = false;
        return true;
    }
    p->turn++;
    return !p->settings->sentinel && p->turn % p->settings->server_count != 0;
}

bool
place_moved(struct place *p, struct slice error)
{
    struct slice word, rest = error;
    bool ok = slice_cut(&rest, ' ', &word) && slice_eq(word, SLICE("MOVED")) &&
              slice_cut(&rest, ' ', &word);
    size_t colon = rest.len;
    while (ok && colon && rest.ptr[colon - 1] != ':')
        colon--;
    struct slice port = slice_from(rest, colon);
    uint64_t number;
    if (!ok || colon == 0 || !slice_u64(port, 65535, &number))
        return false;
    struct slice host = slice_head(rest, colon - 1);
    if (host.len == 0 || slice_eq(host, SLICE("?")))
        host = slice_of(p->host); /* the same as that of who says it */
    if (host.len == 0 || host.len >= sizeof p->moved_host)
        return false;
    snprintf(p->moved_host, sizeof p->moved_host, SLICE_FMT, SLICE_ARG(host));
    snprintf(p->moved_port, sizeof p->moved_port, "%u", (unsigned)number);
    p->is_moved = true;
    return true;
}

bool
place_is_elsewhere(const struct place *p)
{
    return p->settings->sentinel && p->sentinel.has_master && p->host[0] &&
           (strcmp(p->host, p->sentinel.host) != 0 || strcmp(p->port, p->sentinel.port) != 0);
}
