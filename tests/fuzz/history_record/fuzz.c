/* A record of the history, with its CRC made right: what is read lies inside, and is the same once
 * it was written again. */

#include "fuzz/history.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const char *bytes, size_t len);

int
LLVMFuzzerTestOneInput(const char *bytes, size_t len)
{
    struct disk_record r, again;
    char *copy = xalloc(len + DISK_RECORD_HEAD);
    memcpy(copy, bytes, len);
    sign_record(copy, len < DISK_RECORD_HEAD ? DISK_RECORD_HEAD : len, 0);
    if (disk_record_read(SLICE_OF(copy, len), 0, &r) == DISK_RECORD_OK) {
        struct update *u = disk_record_update(&r, 1);
        again = r;
        ENSURE(u && disk_record_size(u) <= len);
        disk_record_write(copy, u, 0, &again);
        ENSURE(disk_record_read(SLICE_OF(copy, len), 0, &again) == DISK_RECORD_OK);
        ENSURE(slice_eq(again.id, u->id) && slice_eq(again.event, u->event));
        ENSURE(again.flags == r.flags && again.topic_count == u->topic_count);
        ENSURE(again.kind == r.kind && again.dialect == r.dialect && again.same == r.same);
        update_unref(&u);
    }
    free(copy);
    return 0;
}
