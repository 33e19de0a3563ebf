#ifndef CONFIG_REDIS_URL_H
#define CONFIG_REDIS_URL_H

/* redis://[USER[:PASSWORD]@]HOST[:PORT][/DB], rediss:// the same over TLS,
 * unix://[USER[:PASSWORD]@]PATH[?db=N]; of each also [?db=N]. */

#include "base/error.h"
#include "base/slice.h"

/* Owns its texts; NULL: it is not there. */
struct redis_url {
    bool has_tls;
    char *path; /* of a Unix socket; else host and port */
    char *host, *port;
    char *user, *password;
    unsigned db;
};

/* `port`: where the URL has none. False: err says why, without repeating what may be a password;
 * *ret is as redis_url_clear() leaves it. */
MUST_CHECK bool redis_url_read(struct slice url, const char *port, struct redis_url *ret,
                               struct error *err);
/* HOST[:PORT], or the path of a Unix socket, which begins with a slash. */
MUST_CHECK bool redis_url_read_address(struct slice text, const char *port, struct redis_url *ret,
                                       struct error *err);
void redis_url_clear(struct redis_url *);

#endif
