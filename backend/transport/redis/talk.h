#ifndef TRANSPORT_REDIS_TALK_H
#define TRANSPORT_REDIS_TALK_H

/* What is asked over one connection, and who waits for each answer: they come in the order of the
 * questions. */

#include "transport/redis/wire.h"

/* An answer, which is good until the function returns. */
typedef void talk_answer(void *owner, const struct resp *answer);

struct talk {
    struct wire *wire;          /* owns; NULL: none */
    struct question *questions; /* owns; a ring of `cap` places, a power of two, or 0 */
    uint32_t first, count, cap;
};

/* Takes the wire. */
void talk_begin(struct talk *, struct wire *);
/* Nobody is answered any more. Fine twice. */
void talk_end(struct talk *);

/* Where the command is to be written, now. It is to be answered until `deadline_ms` (monotonic). */
struct buf *talk_ask(struct talk *, uint64_t deadline_ms, talk_answer *, void *owner);
/* When the first answer is due; UINT64_MAX: none is. */
uint64_t talk_deadline(const struct talk *);
/* Sends and receives what can be; answers are given from here. False: the connection has failed. */
MUST_CHECK bool talk_work(struct talk *);

#endif
