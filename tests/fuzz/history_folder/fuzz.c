/* A folder with one segment, read by whoever only reads: what comes is in order, and it ends.
 * Folded it is in order, too. */

#include "base/log.h"
#include "fuzz/history.h"
#include "transport/disk/store.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const char *bytes, size_t len);

static void
in_order(void *context, const struct fold_record *r)
{
    struct position *last = context;
    ENSURE(position_cmp(r->update->position, *last) > 0);
    *last = r->update->position;
}

int
LLVMFuzzerTestOneInput(const char *bytes, size_t len)
{
    struct segment_header h;
    struct position at = {0}, last = {0};
    struct batch *piece;
    bool gone, first = true;
    log_open(LOG_LOGFMT, LOG_ERROR, -1);
    char *file = make_segment_of(SLICE_OF(bytes, len), &h);
    const char *path = make_folder_of(file, SEGMENT_HEADER + len);
    const struct store_settings s = {path,
                                     1000,
                                     1 << 20,
                                     1000,
                                     0,
                                     1 << 20,
                                     .only_reads = true,
                                     .fold = in_order,
                                     .fold_context = &last};
    struct store *st = store_open(&s, NULL);
    for (; reader_read(&st->reader, first, &at, &gone, &piece), piece;
         batch_unref(&piece), first = false) {
        ENSURE(position_cmp(piece->after, at) <= 0 && position_cmp(piece->upto, at) > 0);
        at = piece->upto;
    }
    store_close(&st);
    free(file);
    return 0;
}
