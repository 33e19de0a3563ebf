#ifndef TRANSPORT_REDIS_JOINING_H
#define TRANSPORT_REDIS_JOINING_H

/* GREETING is over; JOINING, HEALING, until the session is OPEN. */

#include "transport/redis/session.h"

void joining_begin(struct session *);
/* HEALING has taken its time. */
void joining_open(struct session *);

#endif
