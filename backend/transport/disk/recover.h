#ifndef TRANSPORT_DISK_RECOVER_H
#define TRANSPORT_DISK_RECOVER_H

/* The start. */

#include "transport/disk/open_segment.h"

/* Takes in what the opened folder holds, and puts the last commit on the disk once more; where the
 * folder is only read, nothing is repaired. `at` is filled. False: err says why. */
MUST_CHECK bool recover_folder(struct segments *, struct open_segment *at, struct error *err);
/* Begins a segment of a new run, with the room that it takes. */
MUST_CHECK bool recover_begin(struct segments *, struct open_segment *at, struct error *err);

#endif
