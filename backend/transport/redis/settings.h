#ifndef TRANSPORT_REDIS_SETTINGS_H
#define TRANSPORT_REDIS_SETTINGS_H

/* What the configuration says of a Redis, or of the Sentinels that know where it is. */

#include "base/arena.h"
#include "config/settings.h"
#include "transport/redis/tls.h"

#include <stdint.h>

struct redis_server {
    const char *path; /* of a Unix socket; NULL: host and port */
    const char *host, *port;
};

struct redis_login {
    const char *user;          /* NULL: the default user */
    const char *password;      /* NULL: none, or in the file */
    const char *password_file; /* NULL: none; read anew by each session */
};

struct redis_settings {
    const struct redis_server *servers; /* tried in turn; with `sentinel`: Sentinels */
    unsigned server_count;
    const char *sentinel; /* what they call the master; NULL: there are none */
    struct redis_login login, sentinel_login;
    bool has_tls, sentinel_has_tls;
    struct tls_settings tls; /* its name is Redis' alone */
    unsigned db;
    const char *stream;      /* what its keys begin with */
    const char *client_name; /* CLIENT SETNAME; without blanks */
    uint64_t connect_timeout_ms, timeout_ms, publish_timeout_ms, heal_ms, hold_bytes;
    uint64_t lease_ms; /* so long after its last word a hub is gone */
    unsigned replicas; /* WAIT for so many; 0: none */

    struct arena arena; /* of a copy: all of the above */
};

/* Of a configuration that is fine and says transport redis; a copy. */
void redis_settings_of(struct redis_settings *ret, const struct config *);
/* Fills *ret with what stays as long as it does. */
void redis_settings_copy(struct redis_settings *ret, const struct redis_settings *);
void redis_settings_fini(struct redis_settings *); /* of a copy; fine where it is zero */

#endif
