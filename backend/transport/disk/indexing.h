#ifndef TRANSPORT_DISK_INDEXING_H
#define TRANSPORT_DISK_INDEXING_H

/* Where in a segment what is: its index, put on the disk, read from it or made again. Without the
 * lock. */

#include "transport/disk/segments.h"

/* Blocks and table or filter of a segment that was found at the start, from its index or its
 * records. False: it is lost, or cannot be read now. */
MUST_CHECK bool indexing_make_ready(struct segments *, struct segment *);
/* Its index on the disk cannot be relied on: it is read, or made, again. */
void indexing_forget(struct segments *, struct segment *);
/* Cuts a sealed segment to its length and puts its index beside it; then its table goes. False:
 * that could not be done. One thread at a time. */
MUST_CHECK bool indexing_seal(struct segments *, struct segment *);

#endif
