#ifndef TRANSPORT_DISK_RECOVER_H
#define TRANSPORT_DISK_RECOVER_H

/* The start. */

#include "transport/disk/open_segment.h"

/* Takes in what the opened folder holds, and begins a segment of a new run; where the folder is
 * only read, nothing is begun or repaired. `at` is filled. False: err says why. */
MUST_CHECK bool recover_folder(struct segments *, struct open_segment *at, struct error *err);

#endif
