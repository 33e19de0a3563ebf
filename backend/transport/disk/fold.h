#ifndef TRANSPORT_DISK_FOLD_H
#define TRANSPORT_DISK_FOLD_H

/* All records of a store in their order, hidden ones too, before any thread has it. */

#include "transport/disk/disk_record.h"
#include "transport/disk/segments.h"

struct fold_record {
    enum disk_record_kind kind;
    struct update *update; /* borrowed; of a stop it says nothing but the position */
    uint64_t time_ms;
};

/* Also what lies before damage, which is judged as any reader would: replay begins behind it.
 * False: a file that is there cannot be read, and err says why. */
MUST_CHECK bool fold_all(struct segments *, void (*each)(void *, const struct fold_record *),
                         void *context, struct error *err);

#endif
