/* Two origins, parted by a line end: what is said of how they differ fits its room. */

#include "base/alloc.h"
#include "request/origin.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const char *bytes, size_t len);

int
LLVMFuzzerTestOneInput(const char *bytes, size_t len)
{
    struct slice both = SLICE_OF(bytes, len), pattern = slice_head(both, slice_index(both, '\n'));
    struct slice origin = slice_from(both, pattern.len + 1);
    char out[100];
    char *item = xstrndup(pattern.len ? pattern.ptr : "", pattern.len);
    struct string_list list = {.items = &item, .count = 1};
    ENSURE(origin_advice(&list, "cors_origins", origin, out, sizeof out).len < sizeof out);
    free(item);
    return 0;
}
