/* A segment: records made right one after the other, then one byte flipped (where and whether the
 * length is known say the first four bytes); also as a header. */

#include "base/alloc.h"
#include "fuzz/sign.h"
#include "transport/log/segment.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const char *bytes, size_t len);

int
LLVMFuzzerTestOneInput(const char *bytes, size_t len)
{
    struct segment_header h = {.first = {1, 1}}, other;
    char *file = xalloc(SEGMENT_HEADER + len);
    if (len < 5 || segment_header_read(SLICE_OF(bytes, len), &other) == SEGMENT_OK)
        return free(file), 0;
    size_t end = SEGMENT_HEADER + len - 4, at = SEGMENT_HEADER, length;
    segment_header_write(file, &h);
    memcpy(file + at, bytes + 4, len - 4);
    for (uint32_t n = 1, before = h.crc; end - at >= RECORD_HEAD; n++, at += length) {
        if ((length = le32_get(file + at)) < RECORD_HEAD || length > end - at)
            break;
        le32_put(file + at + 8, before);
        le64_put(file + at + 16, n);
        sign_record(file + at, length, 0);
        before = le32_get(file + at + 4);
    }
    file[SEGMENT_HEADER + le32_get(bytes) / 4 % (len - 4)] ^= bytes[0] & 2;
    struct segment_scan s;
    segment_scan(SLICE_OF(file, end), &h, bytes[0] & 1 ? end : 0, NULL, NULL, &s);
    ENSURE(s.length <= end && s.last_offset < s.length && s.valid.offset <= s.length);
    ENSURE(s.valid.index <= s.count && (s.damaged || s.valid.index == 0));
    free(file);
    return 0;
}
