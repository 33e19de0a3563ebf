#ifndef TRANSPORT_DISK_JOINT_READER_H
#define TRANSPORT_DISK_JOINT_READER_H

/* Look-ups and reads over both stores. The reader's thread. Requests are answered, not posted. */

#include "transport/disk/joint.h"

void joint_find(struct joint *, struct transport_find *);
void joint_read(struct joint *, struct transport_read *);

#endif
