/* A segment: records made right one after the other, then one byte flipped (where and whether the
 * length is known say the first four bytes); also as a header. */

#include "fuzz/history.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const char *bytes, size_t len);

int
LLVMFuzzerTestOneInput(const char *bytes, size_t len)
{
    struct segment_header h;
    struct segment_scan s;
    if (segment_header_read(SLICE_OF(bytes, len), &h) == SEGMENT_OK || len < 5)
        return 0;
    size_t end = SEGMENT_HEADER + len - 4;
    char *file = make_segment_of(SLICE_OF(bytes + 4, len - 4), &h);
    file[SEGMENT_HEADER + le32_get(bytes) / 4 % (len - 4)] ^= bytes[0] & 2;
    segment_scan(SLICE_OF(file, end), &h, bytes[0] & 1 ? end : 0, NULL, NULL, &s);
    ENSURE(s.length <= end && s.last_offset < s.length && s.valid.offset <= s.length);
    ENSURE(s.valid.index <= s.span && (s.damaged || s.valid.index == 0));
    ENSURE(s.count <= s.span && (s.count == 0) == (s.span == 0));
    free(file);
    return 0;
}
