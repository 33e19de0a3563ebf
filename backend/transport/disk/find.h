#ifndef TRANSPORT_DISK_FIND_H
#define TRANSPORT_DISK_FIND_H

/* Look-ups of ids in what is committed. Without the lock. */

#include "transport/disk/segments.h"

/* Is it the id of a position? Then whether all behind that is held. */
MUST_CHECK bool find_position(struct segments *, struct slice id, bool *ret_found,
                              struct position *ret);
/* As transport_find, of an update's. False: that cannot be told now. */
MUST_CHECK bool find_id(struct segments *, struct slice id, bool *ret_found, struct position *ret);
/* May an id with this hash be in a held segment? */
bool find_may_be_held(struct segments *, uint64_t hash);

#endif
