/* A head is read alike whether it comes at once or byte by byte. */

#include "base/alloc.h"
#include "gateway/http/head.h"

int LLVMFuzzerTestOneInput(const char *bytes, size_t len);

int
LLVMFuzzerTestOneInput(const char *bytes, size_t len)
{
    struct http_head whole, split;
    struct header headers[REQUEST_MAX_HEADERS];
    unsigned status, other;
    size_t scanned = 0, again = 0;
    enum parse at_once = http_head_read(SLICE_OF(bytes, len), &scanned, &whole, headers, &status);
    enum parse slowly = PARSE_MORE;
    for (size_t n = 0; n <= len && slowly == PARSE_MORE; n++)
        slowly = http_head_read(SLICE_OF(bytes, n), &again, &split, headers, &other);
    ENSURE(at_once == slowly);
    if (at_once == PARSE_OK)
        ENSURE(whole.size == split.size && whole.size <= len);
    return 0;
}
