#ifndef TRANSPORT_REDIS_COURSE_H
#define TRANSPORT_REDIS_COURSE_H

#include "transport/redis/session.h"

/* All that can go on with a session goes on. Answers are given from here. */
void course_work(struct session *, uint64_t now_ms);

#endif
