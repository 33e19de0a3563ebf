#ifndef BASE_TEXT_FILE_H
#define BASE_TEXT_FILE_H

/* Small files that somebody wrote: read whole, or not at all. */

#include "base/buf.h"
#include "base/error.h"

/* A file of at most `max` bytes into `out` (initialised here; empty on failure). A regular one
 * alone: a FIFO would be waited for, and a device has no end. */
MUST_CHECK bool text_file_read(const char *path, size_t max, struct buf *out, struct error *);
/* The same for a person who may interrupt: whatever can be read. */
MUST_CHECK bool text_file_read_pipe(const char *path, size_t max, struct buf *out, struct error *);

#endif
