/* The head of whatever answers at a URL: a header's value lies in it, and has no line end. */

#include "base/alloc.h"
#include "cli/doctor/transfer.h"

int LLVMFuzzerTestOneInput(const char *bytes, size_t len);

int
LLVMFuzzerTestOneInput(const char *bytes, size_t len)
{
    struct transfer t = {.status = 0};
    buf_init(&t.head, SIZE_MAX);
    buf_add(&t.head, SLICE_OF(bytes, len));
    for (size_t nth = 0; nth < 3; nth++) {
        struct slice value = transfer_header(&t, "a", nth);
        ENSURE(value.len == 0 ||
               (value.ptr >= t.head.ptr && value.ptr + value.len <= t.head.ptr + t.head.len));
        ENSURE(slice_index(value, '\n') == value.len && slice_index(value, '\r') == value.len);
    }
    buf_fini(&t.head);
    return 0;
}
