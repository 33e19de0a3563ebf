/* An If-None-Match: the tag of its own text is found behind it, and finding reads nothing else. */

#include "base/alloc.h"
#include "request/etag.h"

int LLVMFuzzerTestOneInput(const char *bytes, size_t len);

int
LLVMFuzzerTestOneInput(const char *bytes, size_t len)
{
    struct slice list = SLICE_OF(bytes, len);
    struct buf tag;
    buf_init(&tag, 4 * len + 2);
    etag_add(&tag, list);
    ENSURE(!tag.failed && tag.len >= len + 2);
    struct slice own = buf_slice(&tag);
    ENSURE(etag_is_listed(own, own, SLICE_OF(NULL, 0)));
    ENSURE(len == 0 || etag_is_listed(list, own, slice_trim(list)));
    (void)etag_is_listed(list, SLICE("\"urn:uuid:1\""), SLICE("urn:uuid:1"));
    buf_fini(&tag);
    return 0;
}
