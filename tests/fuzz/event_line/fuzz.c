/* A line that was read is written as one that is read as the same. */

#include "base/alloc.h"
#include "cli/event_line.h"

int LLVMFuzzerTestOneInput(const char *bytes, size_t len);

int
LLVMFuzzerTestOneInput(const char *bytes, size_t len)
{
    static char record[1 << 20];
    struct event_line first, again;
    struct disk_record r = {.sequence = 1}, back;
    struct buf line;
    if (len > sizeof record / 64 || !event_line_read(SLICE_OF(bytes, len), 7, &first, NULL))
        return 0;
    r.time_ms = first.past.time_ms;
    r.flags = (uint8_t)(first.update->is_private | first.past.id_was_known << 1);
    r.kind = first.is_hub_s ? DISK_RECORD_END : DISK_RECORD_PUBLISHED;
    disk_record_write(record, first.update, 9, &r);
    ENSURE(disk_record_read(SLICE_OF(record, r.length), 9, &back) == DISK_RECORD_OK);
    buf_init(&line, sizeof record * 8);
    ENSURE(event_line_write(&line, &back, 1, first.is_lost));
    ENSURE(event_line_read(buf_slice(&line), 0, &again, NULL));
    ENSURE(slice_eq(again.update->event, first.update->event) && again.is_lost == first.is_lost &&
           again.past.time_ms == first.past.time_ms && again.is_hub_s == first.is_hub_s);
    buf_fini(&line);
    update_unref(&first.update);
    update_unref(&again.update);
    return 0;
}
