/* An event stream, whole and byte by byte: the same is heard. */

#include "base/alloc.h"
#include "cli/sse.h"

int LLVMFuzzerTestOneInput(const char *bytes, size_t len);

static void
add(void *context, const struct sse_event *e)
{
    struct buf *heard = context;
    buf_addf(heard, "%zu %zu %zu ", e->id.len, e->type.len, e->data.len);
    buf_add(heard, e->id);
    buf_add(heard, e->type);
    buf_add(heard, e->data);
}

static void
hear(struct slice bytes, size_t step, struct buf *heard)
{
    struct sse s;
    buf_init(heard, SIZE_MAX);
    sse_init(&s, add, heard);
    for (; bytes.len; bytes = slice_from(bytes, step))
        ENSURE(sse_feed(&s, slice_head(bytes, step)));
    sse_fini(&s);
}

int
LLVMFuzzerTestOneInput(const char *bytes, size_t len)
{
    struct buf whole, bits;
    hear(SLICE_OF(bytes, len), len, &whole);
    hear(SLICE_OF(bytes, len), 1, &bits);
    ENSURE(slice_eq(buf_slice(&whole), buf_slice(&bits)));
    buf_fini(&whole);
    buf_fini(&bits);
    return 0;
}
