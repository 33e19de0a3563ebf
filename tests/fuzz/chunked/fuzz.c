/* A chunked body is the same wherever it is split. */

#include "base/alloc.h"
#include "gateway/http/chunked.h"

int LLVMFuzzerTestOneInput(const char *bytes, size_t len);

int
LLVMFuzzerTestOneInput(const char *bytes, size_t len)
{
    struct chunked a, b;
    struct buf whole, parts;
    struct slice in = SLICE_OF(bytes, len);
    enum parse slowly = PARSE_MORE;
    chunked_init(&a);
    chunked_init(&b);
    buf_init(&whole, 4096);
    buf_init(&parts, 4096);
    enum parse at_once = chunked_read(&a, &in, &whole);
    for (size_t i = 0; i < len && slowly == PARSE_MORE; i++) {
        struct slice one = SLICE_OF(bytes + i, 1);
        slowly = chunked_read(&b, &one, &parts);
    }
    ENSURE(at_once == slowly);
    if (at_once != PARSE_BAD)
        ENSURE(slice_eq(buf_slice(&whole), buf_slice(&parts)));
    buf_fini(&whole);
    buf_fini(&parts);
    return 0;
}
