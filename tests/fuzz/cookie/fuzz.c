/* A Cookie header: what is found lies inside it. */

#include "base/alloc.h"
#include "request/cookie.h"

int LLVMFuzzerTestOneInput(const char *bytes, size_t len);

int
LLVMFuzzerTestOneInput(const char *bytes, size_t len)
{
    struct slice header = SLICE_OF(bytes, len), value;
    static const struct slice names[] = {SLICE_INIT("mercureAuthorization"), SLICE_INIT("a"),
                                         SLICE_INIT("")};
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (cookie_find(header, names[i], &value))
            ENSURE(value.len == 0 || (value.ptr >= bytes && value.ptr + value.len <= bytes + len));
    return 0;
}
