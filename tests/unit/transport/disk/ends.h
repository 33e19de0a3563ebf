#ifndef UNIT_TRANSPORT_DISK_ENDS_H
#define UNIT_TRANSPORT_DISK_ENDS_H

/* Ends of all that is active, as the hub publishes them when nobody has come back. */

#include "transport/active_update.h"
#include "transport/disk/joint_writer.h"

#include <stdio.h>

enum {
    ENDS_AT_ONCE = 1024
};

/* False: they could not be committed. */
static bool
end_some(struct joint *j, struct active **actives, uint32_t count)
{
    struct update *ends[ENDS_AT_ONCE];
    struct batch *batch = NULL;
    uint32_t committed;
    char id[32];
    for (uint32_t i = 0; i < count; i++) {
        snprintf(id, sizeof id, "end-%p", (void *)actives[i]);
        ends[i] = active_update(actives[i], true, slice_of(id));
    }
    bool ok = joint_commit(j, ends, count, &batch, &committed) == WRITER_READY;
    batch_unref(&batch);
    for (uint32_t i = 0; i < count; i++)
        update_unref(&ends[i]);
    return ok;
}

static void
end_all(struct joint *j)
{
    const struct position all = {UINT64_MAX, UINT64_MAX};
    struct active *actives[ENDS_AT_ONCE];
    uint32_t count;
    bool ok = true;
    while (ok && (count = (uint32_t)registry_recorded_before(j->registry, all, actives,
                                                             ENDS_AT_ONCE)) > 0) {
        ok = end_some(j, actives, count);
        for (uint32_t i = 0; i < count; i++)
            active_unref(&actives[i]);
    }
}

#endif
