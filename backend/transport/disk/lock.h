#ifndef TRANSPORT_DISK_LOCK_H
#define TRANSPORT_DISK_LOCK_H

/* The file `lock` of a history: whoever writes the folder holds it, and notes there what is
 * committed, so that `alipes history` can read beside a running hub. The note is not synced: it
 * means something only while the lock is held.
 *
 * It is a lock of the open file description (fcntl): whether it is held can be asked without taking
 * it, so who looks keeps no hub from its start. */

#include "base/error.h"
#include "transport/position.h"

enum {
    LOCK_BYTES = 108 /* of the file */
};

extern const char lock_name[];

struct lock_note {
    struct position last; /* committed */
    struct position file; /* `first` of the segment being written */
    uint64_t length;      /* of it, committed */
};

/* For as long as `folder` and *ret_fd are open. False: err names the folder and, where it is known,
 * the pid of who holds it. */
MUST_CHECK bool lock_take(int folder, const char *path, int *ret_fd, struct error *err);
void lock_write(int fd, const struct lock_note *);
/* Does somebody hold the lock? Then the note, if there is one (`file` 0 otherwise). */
bool lock_is_held(int folder, struct lock_note *ret);

#endif
