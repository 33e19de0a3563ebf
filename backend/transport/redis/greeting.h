#ifndef TRANSPORT_REDIS_GREETING_H
#define TRANSPORT_REDIS_GREETING_H

/* What is said on a fresh connection, and asked again while the session is open. */

#include "transport/redis/session.h"

/* On one of the three. With the last answer the session is JOINING. */
void greeting_begin(struct session *, unsigned talk, uint64_t now_ms);
/* Is it still the server that was greeted, and the run that was opened? Once at a time. */
void greeting_check(struct session *, uint64_t now_ms);

#endif
