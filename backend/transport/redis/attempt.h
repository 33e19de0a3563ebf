#ifndef TRANSPORT_REDIS_ATTEMPT_H
#define TRANSPORT_REDIS_ATTEMPT_H

/* A session that is begun to see whether it can be, before the hub starts. */

#include "transport/redis/settings.h"

/* Waits until the store has been joined, or each server was tried in vain. False: what is
 * configured will never do, and err says why. (A server that is merely away comes back.) */
MUST_CHECK bool attempt_session(const struct redis_settings *, struct error *err);

#endif
