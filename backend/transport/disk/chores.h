#ifndef TRANSPORT_DISK_CHORES_H
#define TRANSPORT_DISK_CHORES_H

/* The keeper's part. */

#include "transport/disk/segments.h"

/* One piece of work: cuts and indexes sealed segments, prepares the next, removes by age, syncs.
 * Returns in how many milliseconds there is more to do; 0: at once. */
uint64_t chores_do(struct segments *);

#endif
