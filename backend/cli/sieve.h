#ifndef CLI_SIEVE_H
#define CLI_SIEVE_H

/* Which updates of a history somebody wants to see. */

#include "cli/call.h"
#include "topic/matcher.h"
#include "transport/disk/disk_record.h"

struct sieve {
    struct matcher *topic; /* owns; NULL: any */
    uint64_t since_ms;     /* wall clock */
};

/* Of the options --topic and --since. False: err says what is wrong with them. */
MUST_CHECK bool sieve_open(struct sieve *, const struct call *, struct error *);
void sieve_fini(struct sieve *);
bool sieve_takes(const struct sieve *, const struct disk_record *); /* a NULL takes all */

#endif
