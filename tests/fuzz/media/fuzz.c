/* An Accept header, and a Content-Type: what is read of them lies inside. */

#include "base/alloc.h"
#include "request/media.h"

int LLVMFuzzerTestOneInput(const char *bytes, size_t len);

int
LLVMFuzzerTestOneInput(const char *bytes, size_t len)
{
    struct header headers[] = {{SLICE("Accept"), SLICE_OF(bytes, len)},
                               {SLICE("Accept"), SLICE("text/event-stream")}};
    struct request r = {.headers = headers, .header_count = 2};
    struct slice type;
    if (media_type_read(headers[0].value, &type))
        ENSURE(type.ptr >= bytes && type.ptr + type.len <= bytes + len && type.len >= 3);
    enum media_wish wish = media_wish(&r, SLICE("text/event-stream"));
    ENSURE(wish != MEDIA_REFUSED); /* what is named in so many words is not refused */
    return 0;
}
