#ifndef TRANSPORT_REDIS_LOGIN_H
#define TRANSPORT_REDIS_LOGIN_H

/* What is said first on each connection. Each function that returns true has added one command,
 * which is answered +OK. */

#include "base/buf.h"
#include "base/error.h"
#include "transport/redis/settings.h"

/* False: there is no password, or its file cannot be read, which err says (else it is empty). */
MUST_CHECK bool login_add_auth(struct buf *out, const struct redis_login *, struct error *err);
MUST_CHECK bool login_add_database(struct buf *out, const struct redis_settings *);
/* Whether it is allowed to have a name does not matter. */
void login_add_name(struct buf *out, const struct redis_settings *);

#endif
