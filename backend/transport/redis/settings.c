/* settings - a copy of what the configuration says, which a reload may take away. */

#include "transport/redis/settings.h"

#include "base/alloc.h"

#include <stdio.h>

enum {
    MAX_BYTES = 1 << 22, /* the configuration itself is smaller */
    MAX_SERVERS = 17,    /* url, and 16 addresses */
    NAME_LEN = 100,
};

static void
keep(struct arena *a, const char **text)
{
    struct slice copy;
    if (*text == NULL)
        return;
    ENSURE(arena_copy(a, slice_of(*text), &copy));
    *text = copy.ptr;
}

void
redis_settings_copy(struct redis_settings *to, const struct redis_settings *from)
{
    *to = *from;
    struct arena *a = &to->arena;
    arena_init(a, MAX_BYTES);
    struct redis_server *servers = arena_alloc(a, from->server_count * sizeof *servers);
    ENSURE(servers);
    for (unsigned i = 0; i < from->server_count; i++) {
        servers[i] = from->servers[i];
        keep(a, &servers[i].path);
        keep(a, &servers[i].host);
        keep(a, &servers[i].port);
    }
    to->servers = servers;
    const char **texts[] = {
        &to->sentinel,
        &to->login.user,
        &to->login.password,
        &to->login.password_file,
        &to->sentinel_login.user,
        &to->sentinel_login.password,
        &to->sentinel_login.password_file,
        &to->tls.ca,
        &to->tls.cert,
        &to->tls.key,
        &to->tls.name,
        &to->stream,
        &to->client_name,
    };
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        keep(a, texts[i]);
}

/* "alipes-NAME", of signs that a client's name may have. */
static void
name_client(const struct config *c, char out[NAME_LEN])
{
    snprintf(out, NAME_LEN, "alipes%s%s", c->name ? "-" : "", c->name ? c->name : "");
    for (; *out; out++)
        if (*out <= ' ' || *out > '~')
            *out = '-';
}

static const char *
either(const char *said, const char *in_url)
{
    return said ? said : in_url;
}

void
redis_settings_of(struct redis_settings *ret, const struct config *c)
{
    const struct redis_url *first = &c->redis_servers[0];
    struct redis_server servers[MAX_SERVERS];
    char name[NAME_LEN];
    ENSURE(c->redis_server_count && c->redis_server_count <= MAX_SERVERS);
    for (size_t i = 0; i < c->redis_server_count; i++)
        servers[i] = (struct redis_server){c->redis_servers[i].path, c->redis_servers[i].host,
                                           c->redis_servers[i].port};
    name_client(c, name);
    const struct redis_settings borrowed = {
        .servers = servers,
        .server_count = (unsigned)c->redis_server_count,
        .sentinel = c->redis_sentinel,
        .login = {either(c->redis_username, first->user),
                  either(c->redis_password, first->password), c->redis_password_file},
        .sentinel_login = {c->redis_sentinel_username, c->redis_sentinel_password,
                           c->redis_sentinel_password_file},
        .has_tls = c->redis_tls,
        .sentinel_has_tls = c->redis_sentinel_tls,
        .tls = {c->redis_tls_ca, c->redis_tls_cert, c->redis_tls_key, c->redis_tls_name,
                c->redis_tls_insecure},
        .db = first->db,
        .stream = c->redis_stream,
        .client_name = name,
        .connect_timeout_ms = c->redis_connect_timeout_ms,
        .timeout_ms = c->redis_timeout_ms,
        .publish_timeout_ms = c->redis_publish_timeout_ms,
        .heal_ms = c->redis_heal_ms,
        .lease_ms = c->redis_lease_ms,
        .hold_bytes = c->redis_hold,
        .replicas = (unsigned)c->redis_replicas,
    };
    redis_settings_copy(ret, &borrowed);
}

void
redis_settings_fini(struct redis_settings *s)
{
    arena_fini(&s->arena);
}
