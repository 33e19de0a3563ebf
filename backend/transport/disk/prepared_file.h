#ifndef TRANSPORT_DISK_PREPARED_FILE_H
#define TRANSPORT_DISK_PREPARED_FILE_H

/* The file of the next segment, filled with zeros before it is needed. Without the lock. */

#include "transport/disk/segments.h"

void prepared_file_look(struct segments *); /* at the start: what an earlier run has left */
void prepared_file_make(struct segments *); /* where it is not there; or there is none */
/* True: there was one, and its room is the caller's; *ret_fd: the file, called `name` now; -1: it
 * could not be had. */
MUST_CHECK bool prepared_file_take(struct segments *, const char *name, int *ret_fd);

#endif
