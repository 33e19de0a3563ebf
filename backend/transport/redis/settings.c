/* settings - a copy of what the configuration says, which a reload may take away. */

#include "transport/redis/settings.h"

#include "base/alloc.h"

enum {
    MAX_BYTES = 1 << 22 /* the configuration itself is smaller */
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

void
redis_settings_fini(struct redis_settings *s)
{
    arena_fini(&s->arena);
}
