#ifndef TRANSPORT_DISK_JOINT_WRITER_H
#define TRANSPORT_DISK_JOINT_WRITER_H

/* Commits over both stores. The writer's thread, or at the start and stop the one there is. */

#include "transport/disk/joint.h"

/* Commits the first of these, as many as go at once (up to JOINT_BATCH are given): on the disk in
 * both stores and in the registry. The caller keeps the updates, and owns a reference to *ret. Else
 * *ret is NULL, nothing is confirmed of the first *ret_count, and the answer says why. */
MUST_CHECK enum writer_readiness joint_commit(struct joint *, struct update *const *,
                                              uint32_t count, struct batch **ret,
                                              uint32_t *ret_count);
/* Writes again what stands in the way of retention, up to `room` of them. False: all is done, or
 * cannot be done now. */
bool joint_carry(struct joint *, uint32_t room);
/* Seals by age. Returns in how many milliseconds it wants to be called again. */
uint64_t joint_tick(struct joint *);
/* Would a commit go through? */
bool joint_is_well(struct joint *);
/* A stop in good order leaves a record of it, for earlier versions. */
void joint_stop(struct joint *);

#endif
