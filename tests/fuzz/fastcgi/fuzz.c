/* Records, pairs and params: nothing is read beyond the end, and what a request borrows lies in
 * the bytes that were given. */

#include "base/alloc.h"
#include "gateway/fastcgi/params.h"
#include "gateway/fastcgi/record.h"

int LLVMFuzzerTestOneInput(const char *bytes, size_t len);

int
LLVMFuzzerTestOneInput(const char *bytes, size_t len)
{
    struct record record;
    struct request request = {0};
    struct arena arena;
    struct buf params;
    if (record_read(SLICE_OF(bytes, len), &record) == PARSE_OK)
        ENSURE(len >= RECORD_HEAD && bytes[0] == 1);
    arena_init(&arena, 1 << 20);
    buf_init(&params, 1 << 20);
    buf_add(&params, SLICE_OF(bytes, len));
    if (params_read(&params, &arena, &request) == 0) {
        ENSURE(request.method.len && request.path.len &&
               request.header_count <= REQUEST_MAX_HEADERS &&
               request.has_body == (request.told_length > 0));
        for (size_t i = 0; i < request.header_count; i++)
            ENSURE(slice_index(request.headers[i].value, '\n') == request.headers[i].value.len);
    }
    params_show_stripped_token(&params);
    buf_fini(&params);
    arena_fini(&arena);
    return 0;
}
