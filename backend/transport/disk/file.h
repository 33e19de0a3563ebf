#ifndef TRANSPORT_DISK_FILE_H
#define TRANSPORT_DISK_FILE_H

/* Files of a folder, whole reads and whole writes. errno tells after false. */

#include "base/slice.h"

#include <sys/types.h>

MUST_CHECK bool file_write_at(int fd, struct slice, uint64_t offset);
/* As much as there is, at most `len`; -1: errno. */
MUST_CHECK ssize_t file_read_at(int fd, char *out, size_t len, uint64_t offset);
/* The first `max` bytes (0: all) of a file in `folder`. Caller frees *ret; NULL ptr never. */
MUST_CHECK bool file_read_whole(int folder, const char *name, uint64_t max, char **ret,
                                size_t *ret_len);
/* Written beside, then renamed: there whole or not at all (after a crash of the machine: perhaps
 * not, or not right; whoever reads it checks). */
MUST_CHECK bool file_replace(int folder, const char *name, struct slice);
/* A file of `size` zeros, synced, under `name`. Where the disk has little more room than that it is
 * not even begun: what is left is for updates, and for others. */
MUST_CHECK bool file_make_zeros(int folder, const char *name, uint64_t size);

#endif
