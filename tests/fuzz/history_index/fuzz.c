/* Indexes of the history: with their CRC as it is and made right, blocks lie inside and grow. */

#include "base/alloc.h"
#include "base/le.h"
#include "transport/disk/crc.h"
#include "transport/disk/segment_index.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const char *bytes, size_t len);

int
LLVMFuzzerTestOneInput(const char *bytes, size_t len)
{
    char *copy = xalloc(len + 1);
    memcpy(copy, bytes, len);
    for (int signing = 0; signing < 2; signing++) {
        struct segment_index x;
        if (segment_index_read(SLICE_OF(copy, len), &x)) {
            ENSURE(segment_index_size(x.block_count, x.entry_count) == len);
            for (uint32_t i = 0; i < x.block_count; i++)
                ENSURE(x.blocks[i].offset < x.length && x.blocks[i].index < x.span);
            free((void *)x.blocks);
        }
        if (len >= 4)
            le32_put(copy + len - 4, crc_add(~0u, SLICE_OF(copy, len - 4)));
    }
    free(copy);
    return 0;
}
