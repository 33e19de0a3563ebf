#ifndef HUB_QUOTA_H
#define HUB_QUOTA_H

/* How many streams one token, or one address, holds: counts by key, shared by all workers. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct quota;

struct quota *quota_new(void); /* caller owns */
void quota_free(struct quota **);
/* One more for `key`, unless it has `max`. Any thread; a leaf lock. */
bool quota_take(struct quota *, uint64_t key, size_t max);
void quota_give(struct quota *, uint64_t key);

#endif
