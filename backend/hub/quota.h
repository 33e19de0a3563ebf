#ifndef HUB_QUOTA_H
#define HUB_QUOTA_H

/* How many streams one token, or one address, holds: counts by key, shared by all workers. */

#include "base/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct quota;

struct quota *quota_new(void); /* caller owns */
void quota_free(struct quota **);
/* One more for `key`, unless it has `max`. Any thread; a leaf lock. */
bool quota_take(struct quota *, uint64_t key, size_t max);
void quota_give(struct quota *, uint64_t key);
/* What a client's address counts as: itself, or of IPv6 the /64 that a site or a provider's
 * customer is given. 0: it is not counted, because it is loopback or no address. */
uint64_t quota_key_of_address(struct slice address);

#endif
